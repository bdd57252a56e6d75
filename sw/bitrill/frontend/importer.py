"""Import: a walk over a model's nodes, each tensor a symbolic value, every refusal kept."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from pathlib import Path

from ..errors import SpecError, UnsupportedError
from ..ir.graph import INPUT, Graph, Stage, verify
from ..ir.interface import Sink, Source
from ..ir.operator import Operator
from ..ir.types import IntType, Tensor
from ..real import Affine
from .reader import functions, limits
from .reader.model import Model, Node
from .reader.names import legal, shown
from .reader.proto import QUANT_DOMAINS, STANDARD_DOMAINS, read_model
from .rules import layouts, outputs
from .rules.table import CHANNELS_LAST, OWN, QUANT, STANDARD, Rule
from .symbolic.context import RAW_HINT, Builder, Call
from .symbolic.values import Const, Data, Head, Known, RefusedError, Unknown, Value

_MANY_OUTPUTS = ("Split", "TopK")
"""Operators of which more than the first output may be read."""


def _rules(node: Node) -> dict[str, Rule]:
    if node.domain in layouts.DOMAINS:
        return CHANNELS_LAST
    if node.domain == functions.DOMAIN:
        return OWN
    return STANDARD if node.domain in STANDARD_DOMAINS else QUANT


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
        not raw_input.coding.binary or raw_input.bits > limits.ACTIVATION_BITS
    ):
        raise SpecError(
            f"raw_input must be an integer type of at most {limits.ACTIVATION_BITS} bits,"
            f" not {raw_input}"
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
        self.told = False  # whether the list of operators was given
        self.read = {t for n in model.nodes for t in n.inputs} | {model.output}
        self.values: dict[str, Value] = {n: Const(a) for n, a in model.constants.items()}
        frame = _input_frame(model)
        data = Data(INPUT, raw_input, model.shape, frame, quantized=raw_input is not None)
        self.last = len(frame) > 1 and layouts.input_is_last(model)
        if self.last:
            data = data.last()
        if raw_input is not None and raw_scale is not None:
            self.builder.edges[INPUT] = Tensor(frame, raw_input)
            data = data.then(Affine((raw_scale,)), self.builder.work)
        self.values[model.input] = data

    def graph(self) -> Graph:
        if not any(n.domain in QUANT_DOMAINS or n.op == "LogQuant" for n in self.model.nodes):
            self.reasons.append(
                f"{self.model.path.name} holds no quantizer: a network must be quantized"
                f" ({', '.join(QUANT)}), as Brevitas exports it to QONNX"
            )
        for node in self.model.nodes:
            results = self._visit(node)
            for i, tensor in enumerate(node.outputs):
                if tensor:
                    self.values[tensor] = results[i] if i < len(results) else Unknown()
        sink = None if self.reasons else self._sink()
        nodes = self._reachable(sink) if sink else []
        if self.reasons or sink is None:
            more = len(self.reasons) - limits.REASONS
            tail = [f"and {more} more"] if more > 0 else []
            raise UnsupportedError([*self.reasons[: limits.REASONS], *tail])
        self._check_read(nodes, sink)
        source = Source(
            shape=self.model.shape,
            tensor=self.builder.edges[INPUT],
            quantizer=self.builder.input_quantizer,
            raw_scale=None if self.raw_scale is None else str(self.raw_scale),
            channel_last=self.last,
        )
        graph = Graph(
            name=legal(self.model.path.stem, fallback="model"),
            stage=Stage.IMPORTED,
            source=source,
            nodes=tuple(nodes),
            sink=sink,
        )
        verify(graph, Stage.IMPORTED)
        return graph

    def _check_read(self, nodes: list[Operator], sink: Sink) -> None:
        """Refuse parts of a split that nothing reads: they would hold up all others."""
        read = {sink.edge, *(e for n in nodes for e in n.inputs)}
        unread = [e for n in nodes for e in n.outputs if e not in read]
        if unread:
            raise UnsupportedError(
                f"every part of a Split or Slice must be read, and {', '.join(unread)} is not;"
                " leave its channels out of the layer in front of it"
            )

    def _visit(self, node: Node) -> tuple[Value, ...]:
        """What a node gives; nothing where it is refused, or reads what was."""
        fault = self._fault(node)
        if fault:
            self.reasons.append(f"{node}: {fault}")
            return ()
        values: list[Known | None] = []
        for tensor in node.inputs:
            value = self.values[tensor] if tensor else None
            if isinstance(value, Unknown):
                return ()
            if isinstance(value, Head):
                if node.op in outputs.PASSED:
                    return (value,)
                if value.decided or node.op not in outputs.READERS:
                    self.reasons.append(
                        f"{node}: what a Softmax, ArgMax or TopK gives must be the model's output"
                    )
                    return ()
                value = value.data
            values.append(value)
        try:
            result = _rules(node)[node.op].apply(Call(self.builder, node, values))
        except (RefusedError, SpecError, UnsupportedError) as error:
            self.reasons.append(f"{node}: {error}")
            return ()
        return result if isinstance(result, tuple) else (result,)

    def _fault(self, node: Node) -> str:
        """Why ``node`` is refused before its operands are looked at; empty if it is not."""
        own = (*QUANT_DOMAINS, *layouts.DOMAINS, functions.DOMAIN)
        if node.domain not in (*STANDARD_DOMAINS, *own):
            known = ", ".join(own)
            return f"its domain must be ONNX's own or {known}, not {shown(node.domain)}"
        rule = _rules(node).get(node.op)
        if rule is None:
            told, self.told = self.told, True
            accepted = (
                "" if told else f"; accepted are {', '.join(sorted({*STANDARD, *QUANT, *OWN}))}"
            )
            return f"this operator is not supported{accepted}"
        if not rule.least <= len(node.inputs) <= rule.most:
            count = str(rule.least) if rule.least == rule.most else f"{rule.least} to {rule.most}"
            return f"it must have {count} inputs, not {len(node.inputs)}"
        extra = [t for t in node.outputs[1:] if t and (node.op != "Dropout" or t in self.read)]
        if node.op not in _MANY_OUTPUTS and (not node.outputs[0] or extra):
            return "it must give one tensor, its first"
        for name, value in node.attributes.items():
            kind = rule.attributes.get(name)
            if kind is None:
                known = ", ".join(rule.attributes) or "none"
                return f"its attributes must be among {known}, not {shown(name)}"
            whole = isinstance(value, tuple) and name not in ("value_floats", "scales")
            if not isinstance(value, kind) or (
                whole and not all(isinstance(v, int) for v in value)
            ):
                return f"attribute {name} has the wrong type"
        return ""

    def _sink(self) -> Sink | None:
        value = self.values[self.model.output]
        name = f"the output {shown(self.model.output)}"
        if isinstance(value, Head):
            if value.decided:
                edge = value.data.edge
                tensor = self.builder.edges[edge]
                return Sink(shape=tensor.shape, edge=edge, tensor=tensor)
            value = value.data
        if isinstance(value, Data):
            try:
                value = self.builder.settle(value)
            except (RefusedError, SpecError) as error:
                self.reasons.append(f"{name}: {error}")
                return None
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
        elif value.order is not None and not value.is_last:
            self.reasons.append(
                f"{name}: data must keep its order; a Transpose must be followed by a layer"
            )
        else:
            real = value.affine
            return Sink(
                shape=value.shape,
                edge=value.edge,
                tensor=self.builder.edges[value.edge],
                scale=real.scale,
                offset=real.offset,
                channel_last=value.is_last,
            )
        return None

    def _reachable(self, sink: Sink) -> list[Operator]:
        wanted, kept = {sink.edge}, []
        for node in reversed(self.builder.nodes):
            if wanted.intersection(node.outputs):
                kept.append(node)
                wanted.update(node.inputs)
        return kept[::-1]


def _input_frame(model: Model) -> tuple[int, ...]:
    """The shape of the first edge: channel last where layers of the model see places."""
    shape = model.shape
    if len(shape) in (2, 3) and layouts.is_spatial(model):
        return shape if layouts.input_is_last(model) else (*shape[1:], shape[0])
    return (prod(shape),)
