"""The table of host rules: the ONNX operators that the host can compute on the last integers."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from ....errors import SpecError
from ...reader.local_functions import STANDARD
from ...reader.model import Node
from ...symbolic import HostCall, Hosted
from ..signature import Inputs, Outputs, Signature, Versioned, by_opset, versioned
from ..table import RULES

Result: TypeAlias = Hosted | tuple[Hosted, ...]

Function = TypeVar("Function", bound=Callable[[HostCall], Result])


@dataclass(frozen=True, kw_only=True)
class HostRule(Signature):
    """How the host computes one ONNX operator.

    ``apply``: takes a `HostCall` and returns the value of the node's output, or a tuple with one
    value for each output. ``instead``: the host also computes nodes that the operator's import rule
    refuses, such as an Add of a constant for each pixel; if another layer then reads the result,
    the import rule's reason is reported.
    """

    apply: Callable[[HostCall], Result]
    instead: bool


HOST: dict[tuple[str, str], HostRule] = {}
"""Rules by domain (empty for ONNX's own) and operator."""


def host(
    op: str,
    *,
    domain: str = "",
    inputs: Inputs = 1,
    outputs: Outputs = "first",
    instead: bool = False,
    attributes: Mapping[str, type | Versioned] = MappingProxyType({}),
    **types: type | Versioned,
) -> Callable[[Function], Function]:
    """Declare the decorated function as the host rule of an ONNX operator; compare `rule`."""

    def declare(apply: Function) -> Function:
        if (domain, op) in HOST:
            raise SpecError(f"operator {op} must have one host rule, not two")
        HOST[domain, op] = HostRule(
            apply=apply,
            op=op,
            domain=domain,
            inputs=by_opset(inputs),
            attributes=versioned({**types, **attributes}),
            last=None,
            outputs=outputs,
            instead=instead,
        )
        return apply

    return declare


def also(op: str, *, domain: str = "", instead: bool = False) -> Callable[[Function], Function]:
    """Declare the host rule of an operator that also has an import rule, for the same nodes."""
    known = RULES[domain, op]

    def declare(apply: Function) -> Function:
        fields = {f.name: getattr(known, f.name) for f in dataclasses.fields(Signature)}
        HOST[domain, op] = HostRule(apply=apply, instead=instead, **fields)
        return apply

    return declare


def host_rule_of(node: Node) -> HostRule | None:
    """Return the host rule of a node, or None."""
    return HOST.get(("" if node.domain in STANDARD else node.domain, node.op))
