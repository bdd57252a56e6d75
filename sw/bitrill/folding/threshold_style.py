"""How thresholds are found: comparators, a search or a multiplier, whichever takes least.

What each would take is asked of the resource model, whose coefficients are fitted to Yosys' runs
(`bitrill.resources.estimate`), at the node's own lanes, thresholds and primitives.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import SpecError
from ..ir.operator import Impl, Operator
from ..ops.threshold import Threshold
from ..parts.memories import LUTS_OF_HALF
from ..resources.estimate import resources
from .multiply_shift import known_requantizer

REQUANTIZE = "requantize"

FLOPS_A_LUT = 8
"""So many flip-flops weigh as much as a LUT: there are twice as many, and LUTs run out first."""


def choose_levels(
    node: Threshold, impl: Impl, told: Mapping[str, Any]
) -> tuple[Operator, Impl, list[str]]:
    """The operator that takes the thresholds' place, its default, and what is wrong with ``told``.

    ``impl``: the default but for style and memory. What ``told`` says of those stands; style
    `REQUANTIZE` is refused where the steps are uneven. Ties go to comparators, then to the search.
    """
    style = told.get("style", impl.style)
    if style == "runtime":
        return node, dataclasses.replace(impl, style=style), []
    impl = dataclasses.replace(impl, **{k: told[k] for k in ("pe", "primitives") if k in told})
    impl = dataclasses.replace(impl, simd=impl.pe, style="parallel")
    if style == REQUANTIZE and known_requantizer(node) is None:
        return (
            node,
            impl,
            [
                f"{node.name}: style 'requantize' needs even steps (a gain and an offset that give"
                f" every threshold), which its {node.levels} thresholds a channel do not have"
            ],
        )
    if node.x.channels % impl.pe:
        return node, impl, []  # refused by the operator itself
    forms = [
        (op, i)
        for op, i in _forms(node, impl)
        if all(getattr(i, k) == told[k] for k in ("style", "memory") if k in told)
    ]
    if not forms:
        return node, impl, []
    return (*min(forms, key=lambda form: weight(*form)), [])


def weight(node: Operator, impl: Impl) -> float:
    """LUTs, and what stands for them: flip-flops and halves of block memories."""
    found = resources(node.replace(impl=impl))
    return found.lcs + found.ff / FLOPS_A_LUT + LUTS_OF_HALF * found.bram18


def _forms(node: Threshold, impl: Impl) -> Iterator[tuple[Operator, Impl]]:
    """What is legal, comparators first."""
    made = known_requantizer(node)
    for op, style in ((node, "parallel"), (node, "search"), (made, REQUANTIZE)):
        for memory in ("distributed", "block"):
            found = dataclasses.replace(impl, style=style, memory=memory)  # pyright: ignore
            try:
                if op is not None:
                    op.validate_impl(found)
                    yield op, found
            except SpecError:
                continue
