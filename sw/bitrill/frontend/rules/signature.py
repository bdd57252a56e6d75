"""Signatures of ONNX operators: accepted inputs and attributes, by opset."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..reader.model import Attribute, Node
from ..reader.names import shown

Outputs: TypeAlias = Literal["first", "first read", "all"]


@dataclass(frozen=True)
class Versioned:
    """Type of an attribute that exists only in the opsets ``first .. last``."""

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
    """Return the type of an attribute that exists from ``opset`` on."""
    return Versioned(kind, first=opset)


def until(opset: int, kind: type) -> Versioned:
    """Return the type of an attribute that exists up to ``opset``."""
    return Versioned(kind, last=opset)


Inputs: TypeAlias = int | tuple[int, int] | Mapping[int, int | tuple[int, int]]
"""The number of inputs of a node, or the least and the most; if it changed, by first opset."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """An operator's name and domain, and the accepted form of its nodes.

    - ``inputs``: the least and the largest number of inputs, by the first opset with these.
    - ``attributes``: the accepted attributes and the type of each: int, float, str, tuple (a list
      of integers), list (a list of floats) or numpy.ndarray, and the opsets that have it.
    - ``last``: the last opset that has the operator, None if all later ones have it.
    - ``outputs``: the outputs that may be read: ``"first"``; ``"first read"`` if others may be
      named but not read; ``"all"``.
    """

    op: str
    domain: str
    inputs: Mapping[int, tuple[int, int]]
    attributes: Mapping[str, Versioned]
    last: int | None
    outputs: Outputs

    def counts(self, opset: int) -> tuple[int, int]:
        """Return the least and the largest number of inputs at that opset."""
        return self.inputs[max(v for v in self.inputs if v <= opset)]

    def fault(self, node: Node, opset: int) -> str:
        """Return why the inputs and attributes of ``node`` are not accepted; empty if they are."""
        opset = max(self.inputs) if self.domain else opset  # other domains have no such versions
        if opset < min(self.inputs) or (self.last is not None and opset > self.last):
            ends = f"{min(self.inputs)} to {self.last}" if self.last else f"{min(self.inputs)} on"
            return f"it belongs to opsets from {ends}, and the model's is {opset}"
        least, most = self.counts(opset)
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


def by_opset(inputs: Inputs) -> dict[int, tuple[int, int]]:
    """Return the least and the largest number of inputs by opset."""
    counts = inputs if isinstance(inputs, Mapping) else {1: inputs}
    return {v: (n, n) if isinstance(n, int) else n for v, n in counts.items()}


def versioned(types: Mapping[str, type | Versioned]) -> dict[str, Versioned]:
    """Return the types of attributes with their opsets; by default these are all opsets."""
    return {n: t if isinstance(t, Versioned) else Versioned(t) for n, t in types.items()}


def has_type(value: Attribute, kind: type) -> bool:
    """Return whether an attribute of a node has the type that its rule declares."""
    if kind in (tuple, list):
        number = int if kind is tuple else int | float
        return isinstance(value, tuple) and all(isinstance(v, number) for v in value)
    return isinstance(value, kind)
