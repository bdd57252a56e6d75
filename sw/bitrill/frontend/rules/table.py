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
from ..reader.model import Attribute, Node
from ..reader.names import shown
from ..reader.proto import QUANT_DOMAINS
from ..symbolic import Call, Head, Known

QONNX = QUANT_DOMAINS[-1]
"""The domain of QONNX's operators; rules in it hold for its older names, too."""

MICROSOFT = "com.microsoft"
"""ONNX Runtime's domain of operators on integers."""

CHANNELS_LAST = "qonnx.custom_op.channels_last"
"""QONNX's domain of operators whose data are ``[batch, *places, channels]``."""

Result: TypeAlias = Known | Head | tuple[Known, ...] | tuple[Head, ...]
"""What a rule gives: one value, or one for each of the node's outputs."""

Outputs: TypeAlias = Literal["first", "first read", "all"]
Layout: TypeAlias = Literal["other", "same", "spatial", "last", "either"]
Integers: TypeAlias = Literal["refused", "kept", "read"]
AfterHead: TypeAlias = Literal["refused", "passed", "read"]

Function = TypeVar("Function", bound=Callable[[Call], Result])


@dataclass(frozen=True)
class Versioned:
    """Type of an attribute that ONNX has in the opsets ``first .. last`` only."""

    kind: type
    first: int = 1
    last: int | None = None

    def fault(self, opset: int) -> str:
        """Return why a node of that opset must not have the attribute; empty if it may."""
        if opset < self.first:
            return f"belongs to opsets from {self.first} on, and the model's is {opset}"
        if self.last is not None and opset > self.last:
            return f"belongs to opsets up to {self.last}, and the model's is {opset}"
        return ""


def since(opset: int, kind: type) -> Versioned:
    """Type of an attribute that ONNX has from ``opset`` on."""
    return Versioned(kind, first=opset)


def until(opset: int, kind: type) -> Versioned:
    """Type of an attribute that ONNX has up to ``opset``."""
    return Versioned(kind, last=opset)


Inputs: TypeAlias = int | tuple[int, int] | Mapping[int, int | tuple[int, int]]
"""How many inputs a node has, or the least and the most; by the opset from which on that holds."""


@dataclass(frozen=True, kw_only=True)
class ImportRule:
    """How one ONNX operator is imported.

    - ``apply``: takes a `Call` and returns the value of the node's output, or a tuple with one
      value for each output. It raises `RefusedError` for what it does not accept.
    - ``inputs``: the least and the largest number of inputs, by the opset from which on they hold.
    - ``attributes``: the accepted attributes and the type of each: int, float, str, tuple (a list
      of integers), list (a list of floats) or numpy.ndarray, and the opsets that have it.
    - ``last``: the last opset that has the operator, None where all later ones do.
    - ``outputs``: which outputs others may read: the first; ``"first read"``: further ones may be
      named if nothing reads them; ``"all"``.
    - ``layout``: ``"spatial"`` if it sees places and channels apart, ``"last"`` if it takes the
      last axis for channels and the axes in front of it for places, ``"either"`` if channels may
      be its axis 1 or its last, ``"same"`` if its result has the axes of its first operand.
    - ``after_head``: behind a Softmax, ArgMax or TopK it is refused, ``"passed"`` over, or
      ``"read"``, that is, takes the scores in front of a Softmax.
    - ``quantizer``: whether it makes a network quantized that has no node of QONNX.
    - ``integers``: what it does with data that are integers in the file (int8, uint8, ...):
      ``"refused"``; ``"kept"`` if its result is of the same type; ``"read"`` if it is another.
    - ``body``: the local function that a model may hold under this name: exactly this one,
      ``"any"``, or None for none. A body is never run; the rule decides what the node means.
    """

    apply: Callable[[Call], Result]
    op: str
    domain: str
    inputs: Mapping[int, tuple[int, int]]
    attributes: Mapping[str, Versioned]
    last: int | None
    outputs: Outputs
    layout: Layout
    after_head: AfterHead
    quantizer: bool
    integers: Integers
    body: Body | Literal["any"] | None

    def __str__(self) -> str:
        return f"{self.apply.__module__}.{self.apply.__qualname__}"

    def fault(self, node: Node, opset: int) -> str:
        """Return why the inputs and attributes of ``node`` are not accepted; empty if they are."""
        opset = max(self.inputs) if self.domain else opset  # other domains have no such versions
        versions = [v for v in self.inputs if v <= opset]
        if not versions or (self.last is not None and opset > self.last):
            ends = f"{min(self.inputs)} to {self.last}" if self.last else f"{min(self.inputs)} on"
            return f"it belongs to opsets from {ends}, and the model's is {opset}"
        least, most = self.inputs[max(versions)]
        if not least <= len(node.inputs) <= most:
            count = str(least) if least == most else f"{least} to {most}"
            at = f" at opset {opset}" if len(self.inputs) > 1 else ""
            return f"it must have {count} inputs{at}, not {len(node.inputs)}"
        for name, value in node.attributes.items():
            if name not in self.attributes:
                known = ", ".join(
                    n for n, t in self.attributes.items() if self.domain or not t.fault(opset)
                )
                return f"its attributes must be among {known or 'none'}, not {shown(name)}"
            if not self.domain and (fault := self.attributes[name].fault(opset)):
                return f"attribute {name} {fault}"
            if not has_type(value, self.attributes[name].kind):
                return f"attribute {name} has the wrong type"
        return ""

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
    after_head: AfterHead = "refused",
    quantizer: bool = False,
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

    counts = inputs if isinstance(inputs, Mapping) else {1: inputs}
    all_types = {**types, **attributes}.items()

    def declare(apply: Function) -> Function:
        ImportRule(
            apply=apply,
            op=op,
            domain=domain,
            inputs={v: _range(n) for v, n in counts.items()},
            attributes={n: t if isinstance(t, Versioned) else Versioned(t) for n, t in all_types},
            last=last,
            outputs=outputs,
            layout=layout,
            after_head=after_head,
            quantizer=quantizer,
            integers=integers,
            body=body,
        ).declare()
        return apply

    return declare


def _range(count: int | tuple[int, int]) -> tuple[int, int]:
    return (count, count) if isinstance(count, int) else count


def has_type(value: Attribute, kind: type) -> bool:
    """Whether an attribute of a node has the type that its rule names."""
    if kind in (tuple, list):
        number = int if kind is tuple else int | float
        return isinstance(value, tuple) and all(isinstance(v, number) for v in value)
    return isinstance(value, kind)


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
