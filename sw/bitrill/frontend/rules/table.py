"""The table of import rules: the accepted ONNX operators, and how each is imported.

A rule is a function with the decorator `rule`. Another package adds its own operators in the same
way, in its own domain (`docs/format.md`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar

from ...errors import SpecError
from ..reader.bodies import Bodies
from ..reader.local_functions import DOMAIN, STANDARD, Body
from ..reader.model import Node
from ..reader.names import shown
from ..reader.proto import QUANT_DOMAINS
from ..symbolic import Call, Known
from .signature import Inputs, Outputs, Signature, Versioned, by_opset, versioned
from .signature import since as since
from .signature import until as until

QONNX = QUANT_DOMAINS[-1]
"""The domain of QONNX's operators; its rules also apply under the domain's older names."""

MICROSOFT = "com.microsoft"
"""ONNX Runtime's domain of operators on integers."""

CHANNELS_LAST = "qonnx.custom_op.channels_last"
"""QONNX's domain of operators whose data are ``[batch, *places, channels]``."""

Result: TypeAlias = Known | tuple[Known, ...]
"""Result of a rule: one value, or one for each of the node's outputs."""

Layout: TypeAlias = Literal["other", "same", "spatial", "last", "either"]
Integers: TypeAlias = Literal["refused", "kept", "read"]

Function = TypeVar("Function", bound=Callable[[Call], Result])


@dataclass(frozen=True, kw_only=True)
class ImportRule(Signature):
    """How one ONNX operator is imported; `Signature` describes its nodes.

    - ``apply``: takes a `Call` and returns the value of the node's output, or a tuple with one
      value for each output. It raises `RefusedError` for what it does not accept.
    - ``layout``: ``"spatial"`` if it treats places and channels differently, ``"last"`` if the last
      axis is the channels and the axes before it are places, ``"either"`` if the channels may be
      axis 1 or the last axis, ``"same"`` if its result has the axes of its first operand.
    - ``quantizer``: whether it makes a network quantized that has no QONNX node.
    - ``integers``: what it does with data that are integers in the file (int8, uint8, ...):
      ``"refused"``; ``"kept"`` if its result has the same type; ``"read"`` if it has another one.
    - ``weights``: whether its second operand must be constant weights.
    - ``body``: the local function with this name that a model may contain: exactly this one,
      ``"any"``, or None for none. A body is never executed; the rule defines the node's meaning.
    """

    apply: Callable[[Call], Result]
    layout: Layout
    quantizer: bool
    weights: bool
    integers: Integers
    body: Body | Literal["any"] | None

    def __str__(self) -> str:
        return f"{self.apply.__module__}.{self.apply.__qualname__}"

    def declare(self) -> None:
        """Add the rule to `RULES`, or raise `SpecError`."""
        what = f"{self.op} of domain {shown(self.domain)}"
        if isinstance(self.body, Body) and (self.body.domain, self.body.name) != (
            self.domain,
            self.op,
        ):
            raise SpecError(
                f"the body of {what} must be of that name and domain, not {self.body.name} of"
                f" {shown(self.body.domain)}"
            )
        other = RULES.setdefault((_family(self.domain), self.op), self)
        if str(other) != str(self):
            raise SpecError(
                f"operator {what} must have one import rule, not both {other} and {self}"
            )
        RULES[_family(self.domain), self.op] = self


RULES: dict[tuple[str, str], ImportRule] = {}
"""Rules, by ``(domain, op)``."""


def rule(
    op: str,
    *,
    domain: str = "",
    inputs: Inputs,
    last: int | None = None,
    outputs: Outputs = "first",
    layout: Layout = "other",
    quantizer: bool = False,
    weights: bool = False,
    integers: Integers = "refused",
    body: Body | Literal["any"] | None = None,
    attributes: Mapping[str, type | Versioned] = MappingProxyType({}),
    **types: type | Versioned,
) -> Callable[[Function], Function]:
    """Declare the decorated function as the import rule of an ONNX operator or function.

    ``inputs``: the number of inputs of the node, or the least and the most; if that changed, by
    first opset (``{1: 1, 11: (1, 3)}``). ``types``: the attributes that it may have, with `since`
    and `until` if they exist only in some opsets. `ImportRule` describes the other options.

    Raises `SpecError` if another function is already the operator's rule. A function that is
    defined again under the same module and name replaces the earlier one.
    """

    def declare(apply: Function) -> Function:
        ImportRule(
            apply=apply,
            op=op,
            domain=domain,
            inputs=by_opset(inputs),
            attributes=versioned({**types, **attributes}),
            last=last,
            outputs=outputs,
            layout=layout,
            quantizer=quantizer,
            weights=weights,
            integers=integers,
            body=body,
        ).declare()
        return apply

    return declare


def rule_of(node: Node) -> ImportRule | None:
    """Return the rule of a node, or None if its operator is not known."""
    rule = RULES.get((_family(node.domain), node.op))
    if rule is None and node.domain in STANDARD:
        return RULES.get((QONNX, node.op))  # old Brevitas writes its quantizers without a domain
    return rule


def plain_rule(op: str) -> ImportRule | None:
    """Return the rule of ONNX's own operator, or None."""
    return RULES.get(("", op))


def domains() -> tuple[str, ...]:
    """Return the domains with rules besides ONNX's own, QONNX's first."""
    known = dict.fromkeys((*QUANT_DOMAINS, CHANNELS_LAST, DOMAIN, MICROSOFT))
    return tuple(known | dict.fromkeys(domain for domain, _ in sorted(RULES) if domain))


def accepted(domain: str | None = None) -> list[str]:
    """Return the names of the operators that have a rule, of one domain or of all."""
    return sorted({op for d, op in RULES if domain in (None, d)})


def bodies() -> Bodies:
    """Return the local functions that a model may contain, by ``(domain, name)``."""
    return {
        key: None if r.body == "any" else r.body
        for key, r in sorted(RULES.items())
        if r.body is not None
    }


def _family(domain: str) -> str:
    """Return the name under which the rules of a domain are stored, if it has several names."""
    if domain in STANDARD:
        return ""
    return QONNX if domain in QUANT_DOMAINS else domain
