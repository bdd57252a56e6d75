"""Import: a walk over a model's nodes in order, each tensor a symbolic value, every refusal kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..errors import SpecError, UnsupportedError
from ..ir.graph import INPUT, Graph, Stage, verify
from ..ir.interface import Sink, Source
from ..ir.operator import Operator
from ..ir.types import IntType, Tensor
from ..real import Affine
from . import layers, limits, quantizers, shapes
from .context import RAW_HINT, Builder, Call
from .model import Model, Node
from .names import legal, shown
from .proto import QUANT_DOMAINS, STANDARD_DOMAINS, read_model
from .values import Const, Data, Refused, Unknown, Value


@dataclass(frozen=True)
class Rule:
    """How an operator is imported: the function, how many inputs, which attributes of what type."""

    apply: Callable[[Call], Value]
    least: int
    most: int
    attributes: dict[str, type | tuple[type, ...]]


def _rule(apply: Callable[[Call], Value], least: int, most: int | None = None, **attributes: type) -> Rule:
    return Rule(apply, least, least if most is None else most, attributes)


_FLAGS = {"signed": int, "narrow": int, "rounding_mode": str}

STANDARD: dict[str, Rule] = {
    "Add": _rule(layers.arithmetic, 2),
    "BatchNormalization": _rule(layers.batch_norm, 5, epsilon=float, momentum=float, training_mode=int),
    "Cast": _rule(shapes.cast, 1, to=int, saturate=int),
    "Clip": _rule(layers.clip, 1, 3, min=float, max=float),
    "Concat": _rule(shapes.concat, 1, limits.NODE_ITEMS, axis=int),
    "Constant": Rule(
        shapes.constant, 0, 0,
        {"value": object, "value_float": float, "value_int": int, "value_floats": tuple, "value_ints": tuple},
    ),
    "Div": _rule(layers.arithmetic, 2),
    "Dropout": _rule(shapes.identity, 1, 3, ratio=float, seed=int),
    "Flatten": _rule(shapes.flatten, 1, axis=int),
    "Gather": _rule(shapes.gather, 2, axis=int),
    "Gemm": _rule(layers.gemm, 2, 3, alpha=float, beta=float, transA=int, transB=int),
    "Identity": _rule(shapes.identity, 1),
    "MatMul": _rule(layers.matmul, 2),
    "Mul": _rule(layers.arithmetic, 2),
    "Neg": _rule(layers.negate, 1),
    "Pow": _rule(layers.power, 2),
    "Reciprocal": _rule(layers.power, 1),
    "Relu": _rule(layers.relu, 1),
    "Reshape": _rule(shapes.reshape, 2, allowzero=int),
    "Shape": _rule(shapes.shape, 1, start=int, end=int),
    "Slice": _rule(shapes.slice_, 1, 5, starts=tuple, ends=tuple, axes=tuple),
    "Sqrt": _rule(layers.power, 1),
    "Squeeze": _rule(shapes.squeeze, 1, 2, axes=tuple),
    "Sub": _rule(layers.arithmetic, 2),
    "Transpose": _rule(shapes.transpose, 1, perm=tuple),
    "Unsqueeze": _rule(shapes.squeeze, 1, 2, axes=tuple),
}  # fmt: skip
"""Operators of ONNX that are accepted."""

QUANT: dict[str, Rule] = {
    "BipolarQuant": _rule(quantizers.bipolar_quant, 2),
    "IntQuant": _rule(quantizers.quant, 4, **_FLAGS),
    "Quant": _rule(quantizers.quant, 4, **_FLAGS),
}
"""Operators of QONNX that are accepted, in any of its domains."""


def load_model(
    path: Path | str, *, raw_input: IntType | None = None, raw_scale: Fraction | None = None
) -> Graph:
    """The model in ``path`` as a graph at stage IMPORTED: integer layers and exact real functions.

    ``raw_input``, ``raw_scale``: the design takes integers of that type, which stand for
    ``raw_scale * integer``, and the model's first quantizer becomes a node; without them the
    integers of the first quantizer are the design's input. Both or neither are given.

    Raises `StorageError` if the file cannot be read, `UnsupportedError` with every reason if the
    model is refused, `SpecError` for a bad grid, `ToolError` if the package ``onnx`` is missing.
    """
    if (raw_input is None) is not (raw_scale is None):
        raise SpecError("raw_input and raw_scale must be given together")
    if raw_input is not None and (
        raw_input.coding != "integer" or raw_input.bits > limits.ACTIVATION_BITS
    ):
        raise SpecError(
            f"raw_input must be an integer type of at most {limits.ACTIVATION_BITS} bits, not {raw_input}"
        )
    if raw_scale is not None and raw_scale <= 0:
        raise SpecError(f"raw_scale must be above 0, not {raw_scale}")
    return _Walk(read_model(Path(path)), raw_input, raw_scale).graph()


class _Walk:
    """One walk over one model."""

    def __init__(self, model: Model, raw_input: IntType | None, raw_scale: Fraction | None):
        self.model, self.raw_scale = model, raw_scale
        self.builder = Builder(model.batch)
        self.reasons = list(model.reasons)
        self.values: dict[str, Value] = {n: Const(a) for n, a in model.constants.items()}
        data = Data(INPUT, raw_input, model.shape, quantized=raw_input is not None)
        if raw_input is not None and raw_scale is not None:
            self.builder.edges[INPUT] = Tensor((data.size,), raw_input)
            data = data.then(Affine((raw_scale,)))
        self.values[model.input] = data

    def graph(self) -> Graph:
        for node in self.model.nodes:
            result = self._visit(node)
            for i, tensor in enumerate(node.outputs):
                if tensor:
                    self.values[tensor] = result if i == 0 else Unknown()
        sink = None if self.reasons else self._sink()
        nodes = self._reachable(sink) if sink else []
        if sink:
            self._check_readers(nodes, sink)
        if self.reasons or sink is None:
            more = len(self.reasons) - limits.REASONS
            tail = [f"and {more} more"] if more > 0 else []
            raise UnsupportedError([*self.reasons[: limits.REASONS], *tail])
        source = Source(
            shape=self.model.shape,
            tensor=self.builder.edges[INPUT],
            quantizer=self.builder.input_quantizer,
            raw_scale=None if self.raw_scale is None else str(self.raw_scale),
        )
        graph = Graph(
            name=legal(self.model.path.stem, fallback="model"),
            stage=Stage.IMPORTED, source=source, nodes=tuple(nodes), sink=sink,
        )  # fmt: skip
        verify(graph, Stage.IMPORTED)
        return graph

    def _visit(self, node: Node) -> Value:
        rule, reason = self._rule(node)
        values = [self.values[t] if t else None for t in node.inputs]
        if rule is None:
            self.reasons.append(f"{node}: {reason}")
            return Unknown()
        if any(isinstance(v, Unknown) for v in values):
            return Unknown()
        try:
            return rule.apply(Call(self.builder, node, values))
        except (Refused, SpecError, UnsupportedError) as error:
            self.reasons.append(f"{node}: {error}")
            return Unknown()

    def _rule(self, node: Node) -> tuple[Rule | None, str]:
        """The rule for ``node``, or why there is none."""
        if node.domain in STANDARD_DOMAINS:
            rule = STANDARD.get(node.op)
            # Quant was exported without a domain, too
        elif node.domain in QUANT_DOMAINS:
            rule = QUANT.get(node.op)
        else:
            known = ", ".join(QUANT_DOMAINS)
            return None, f"its domain must be ONNX's own or one of {known}, not {shown(node.domain)}"
        if rule is None:
            accepted = ", ".join(sorted({*STANDARD, *QUANT}))
            if any(f": this operator is not supported; accepted are {accepted}" in r for r in self.reasons):
                return None, "this operator is not supported"
            return None, f"this operator is not supported; accepted are {accepted}"
        if not rule.least <= len(node.inputs) <= rule.most:
            count = str(rule.least) if rule.least == rule.most else f"{rule.least} to {rule.most}"
            return None, f"it must have {count} inputs, not {len(node.inputs)}"
        if not node.outputs[0]:
            return None, "its first output must have a name"
        for name, value in node.attributes.items():
            kind = rule.attributes.get(name)
            if kind is None:
                known = ", ".join(rule.attributes) or "none"
                return None, f"its attributes must be among {known}, not {shown(name)}"
            if value is None or not isinstance(value, kind):
                return None, f"attribute {name} has the wrong type"
            if isinstance(value, tuple) and name not in ("value_floats",) and not all(
                isinstance(v, int) for v in value
            ):
                return None, f"attribute {name} has the wrong type"
        return rule, ""

    def _sink(self) -> Sink | None:
        value = self.values[self.model.output]
        name = f"the output {shown(self.model.output)}"
        if not isinstance(value, Data):
            self.reasons.append(f"{name} must depend on the model's input")
        elif value.type is None:
            self.reasons.append(f"{name} is floats without any quantizer; {RAW_HINT}")
        elif value.affine is None:
            self.reasons.append(
                f"{name} must be a scale times integers plus an offset, not what a Relu or Clip"
                " gives of them; end the model with a linear layer or a quantizer"
            )
        elif value.edge == INPUT:
            self.reasons.append(f"{name} must come from at least one layer; there is none")
        else:
            real = value.affine
            return Sink(
                shape=value.shape, edge=value.edge, tensor=self.builder.edges[value.edge],
                scale=real.scale, offset=real.offset,
            )  # fmt: skip
        return None

    def _reachable(self, sink: Sink) -> list[Operator]:
        wanted, kept = {sink.edge}, []
        for node in reversed(self.builder.nodes):
            if node.name in wanted:
                kept.append(node)
                wanted.update(node.inputs)
        return kept[::-1]

    def _check_readers(self, nodes: list[Operator], sink: Sink) -> None:
        readers: dict[str, list[str]] = {}
        for node in nodes:
            for edge in node.inputs:
                readers.setdefault(edge, []).append(self.builder.labels[node.name])
        readers.setdefault(sink.edge, []).append("the model's output")
        if INPUT not in readers:
            self.reasons.append("the output must depend on the model's input")
        for edge, who in readers.items():
            if len(who) > 1:
                self.reasons.append(
                    f"what {self.builder.labels[edge]} gives must be read once; branches are not"
                    f" accepted, and it is read by {' and '.join(who[:4])}"
                )
