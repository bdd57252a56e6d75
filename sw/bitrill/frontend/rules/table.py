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

CHANNELS_LAST = "qonnx.custom_op.channels_last"
"""QONNX's domain of operators whose data are ``[batch, *places, channels]``."""

Result: TypeAlias = Known | Head | tuple[Known, ...] | tuple[Head, ...]
"""What a rule gives: one value, or one for each of the node's outputs."""

Outputs: TypeAlias = Literal["first", "first read", "all"]
Layout: TypeAlias = Literal["other", "same", "spatial"]
AfterHead: TypeAlias = Literal["refused", "passed", "read"]

Function = TypeVar("Function", bound=Callable[[Call], Result])


@dataclass(frozen=True, kw_only=True)
class ImportRule:
    """How one ONNX operator is imported.

    - ``apply``: takes a `Call` and returns the value of the node's output, or a tuple with one
      value for each output. It raises `RefusedError` for what it does not accept.
    - ``inputs``: the least and the largest number of inputs.
    - ``attributes``: the accepted attributes and the type of each: int, float, str, tuple (a list
      of integers), list (a list of floats) or numpy.ndarray.
    - ``outputs``: which outputs others may read: the first; ``"first read"``: further ones may be
      named if nothing reads them; ``"all"``.
    - ``layout``: ``"spatial"`` if it sees places and channels apart, ``"same"`` if its result has
      the axes of its first operand.
    - ``after_head``: behind a Softmax, ArgMax or TopK it is refused, ``"passed"`` over, or
      ``"read"``, that is, takes the scores in front of a Softmax.
    - ``quantizer``: whether it makes a network quantized that has no node of QONNX.
    - ``body``: the local function that a model may hold under this name: exactly this one,
      ``"any"``, or None for none. A body is never run; the rule decides what the node means.
    """

    apply: Callable[[Call], Result]
    op: str
    domain: str
    inputs: tuple[int, int]
    attributes: Mapping[str, type]
    outputs: Outputs
    layout: Layout
    after_head: AfterHead
    quantizer: bool
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
    inputs: int | tuple[int, int],
    outputs: Outputs = "first",
    layout: Layout = "other",
    after_head: AfterHead = "refused",
    quantizer: bool = False,
    body: Body | Literal["any"] | None = None,
    attributes: Mapping[str, type] = MappingProxyType({}),
    **types: type,
) -> Callable[[Function], Function]:
    """Declare the decorated function as the import rule of an ONNX operator or function.

    ``inputs``: how many inputs the node has, or the least and the most; ``types``: the attributes
    that it may have; `ImportRule` describes them and the other options.

    Raises `SpecError` if another function is the operator's rule already. A function that is
    defined again under the same module and name takes its own place.
    """

    def declare(apply: Function) -> Function:
        ImportRule(
            apply=apply,
            op=op,
            domain=domain,
            inputs=(inputs, inputs) if isinstance(inputs, int) else inputs,
            attributes={**types, **attributes},
            outputs=outputs,
            layout=layout,
            after_head=after_head,
            quantizer=quantizer,
            body=body,
        ).declare()
        return apply

    return declare


def has_type(value: Attribute, kind: type) -> bool:
    """Whether an attribute of a node has the type that its rule names."""
    if kind in (tuple, list):
        number = int if kind is tuple else int | float
        return isinstance(value, tuple) and all(isinstance(v, number) for v in value)
    return isinstance(value, kind)


def rule_of(node: Node) -> ImportRule | None:
    """Return the rule of a node, or None where its operator is not known."""
    return RULES.get((_family(node.domain), node.op))


def domains() -> tuple[str, ...]:
    """Return the domains beside ONNX's own in which there are rules, QONNX's first."""
    known = dict.fromkeys((*QUANT_DOMAINS, CHANNELS_LAST, DOMAIN))
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
