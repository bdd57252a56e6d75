"""The cheapest form of an operator that has several, by the resource model.

Thresholds are found by comparators, a search or a multiplier. What each would take is predicted
(`bitrill.resources.estimate`) at the node's own lanes, constants and primitives.
"""

from ..ir import Choice, Impl, Operator
from ..parts.memories import LUTS_OF_HALF
from ..resources.estimate import resources

FLOPS_A_LUT = 8
"""Flip-flops that weigh as much as a LUT: there are twice as many, and LUTs run out first."""


def cheapest_form(node: Operator, impl: Impl, chosen: Choice) -> tuple[Operator, Impl]:
    """Return the operator that takes the node's place, and its default; ties go to the first.

    ``impl``: the default that is taken where there is but one form. Raises `SpecError` where
    ``chosen`` asks for a form that there is not.
    """
    forms = list(node.forms(impl, chosen))
    return min(forms, key=lambda form: weight(*form)) if forms else (node, impl)


def weight(node: Operator, impl: Impl) -> float:
    """Return LUTs, with what stands for them: flip-flops and halves of block memories."""
    used = resources(node.replace(impl=impl))
    return used.lcs + used.ff / FLOPS_A_LUT + LUTS_OF_HALF * used.bram18
