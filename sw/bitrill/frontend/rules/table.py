"""The table of import rules: which ONNX operators are accepted, and what becomes of them.

Each rule is declared by `rule` beside its function. A package or a test adds its own operators
in the same way, in a domain of its own (`docs/format.md`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar

from ...errors import SpecError
from ..reader.bodies import Bodies
from ..reader.functions import DOMAIN, STANDARD, Body
from ..reader.model import Node
from ..reader.names import shown
from ..reader.proto import QUANT_DOMAINS
from ..symbolic import Call, Known
from .signature import Inputs, Outputs, Signature, Versioned, by_opset, versioned
from .signature import since as since
from .signature import until as until

QONNX = QUANT_DOMAINS[-1]
"""The domain of QONNX's operators; rules in it hold for its older names, too."""

MICROSOFT = "com.microsoft"
"""ONNX Runtime's domain of operators on integers."""

CHANNELS_LAST = "qonnx.custom_op.channels_last"
"""QONNX's domain of operators whose data are ``[batch, *places, channels]``."""

Result: TypeAlias = Known | tuple[Known, ...]
"""What a rule gives: one value, or one for each of the node's outputs."""

Layout: TypeAlias = Literal["other", "same", "spatial", "last", "either"]
Integers: TypeAlias = Literal["refused", "kept", "read"]

Function = TypeVar("Function", bound=Callable[[Call], Result])


@dataclass(frozen=True, kw_only=True)
class ImportRule(Signature):
    """How one ONNX operator is imported; `Signature` has what its nodes may look like.

    - ``apply``: takes a `Call` and returns the value of the node's output, or a tuple with one
      value for each output. It raises `RefusedError` for what it does not accept.
    - ``layout``: ``"spatial"`` if it sees places and channels apart, ``"last"`` if it takes the
      last axis for channels and the axes in front of it for places, ``"either"`` if channels may
      be its axis 1 or its last, ``"same"`` if its result has the axes of its first operand.
    - ``quantizer``: whether it makes a network quantized that has no node of QONNX.
    - ``integers``: what it does with data that are integers in the file (int8, uint8, ...):
      ``"refused"``; ``"kept"`` if its result is of the same type; ``"read"`` if it is another.
    - ``weights``: whether its second operand must be constant weights.
    - ``body``: the local function that a model may hold under this name: exactly this one,
      ``"any"``, or None for none. A body is never run; the rule decides what the node means.
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
        """Put the rule into `RULES`, or raise `SpecError`."""
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
"""Every rule by ``(domain, op)``."""


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

    ``inputs``: how many inputs the node has, or the least and the most, and where that changed, by
    opset (``{1: 1, 11: (1, 3)}``); ``types``: the attributes that it may have, with `since` and
    `until` where ONNX has them in some opsets only. `ImportRule` describes the other options.

    Raises `SpecError` if another function is the operator's rule already. A function that is
    defined again under the same module and name takes its own place.
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
    """Return the rule of a node, or None where its operator is not known."""
    found = RULES.get((_family(node.domain), node.op))
    if found is None and node.domain in STANDARD:
        return RULES.get((QONNX, node.op))  # old Brevitas writes its quantizers without a domain
    return found


def plain_rule(op: str) -> ImportRule | None:
    """Return the rule of ONNX's own operator, or None."""
    return RULES.get(("", op))


def domains() -> tuple[str, ...]:
    """Return the domains beside ONNX's own in which there are rules, QONNX's first."""
    known = dict.fromkeys((*QUANT_DOMAINS, CHANNELS_LAST, DOMAIN, MICROSOFT))
    return tuple(known | dict.fromkeys(domain for domain, _ in sorted(RULES) if domain))


def accepted(domain: str | None = None) -> list[str]:
    """Return the names of the operators that have a rule, of one domain or of all."""
    return sorted({op for d, op in RULES if domain in (None, d)})


def bodies() -> Bodies:
    """Return the local functions that a model may hold, by ``(domain, name)``."""
    return {
        key: None if r.body == "any" else r.body
        for key, r in sorted(RULES.items())
        if r.body is not None
    }


def _family(domain: str) -> str:
    """Return the name under which the rules of a domain are kept, where it has several."""
    if domain in STANDARD:
        return ""
    return QONNX if domain in QUANT_DOMAINS else domain
