"""Import of a model file: its nodes in order, each by its rule, every refusal collected."""

from dataclasses import replace
from fractions import Fraction
from math import prod
from pathlib import Path

from ..errors import SpecError, UnsupportedError
from ..ir import INPUT, Graph, IntType, Operator, Sink, Source, Stage, Tensor, verify
from ..ir.registry import failures, load_packages
from ..ops import Split
from ..real import Affine
from .reader import limits
from .reader.model import Model, Node
from .reader.names import legal, shown
from .reader.proto import QUANT_DOMAINS, STANDARD, read_model
from .rules import table
from .rules.input_layout import input_edge
from .symbolic import (
    RAW_HINT,
    Call,
    Const,
    Data,
    GraphBuilder,
    Head,
    Known,
    RefusedError,
    Unknown,
    Value,
)


def load_model(
    path: Path | str, *, raw_input: IntType | None = None, raw_scale: Fraction | None = None
) -> Graph:
    """Read the model in ``path`` as a graph at stage IMPORTED.

    ``raw_input``, ``raw_scale``: the design takes integers of that type, which mean
    ``raw_scale * integer``, and the model's first quantizer becomes a node. Without them the
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
    load_packages()
    return _Import(read_model(Path(path), table.bodies()), raw_input, raw_scale).graph()


class _Import:
    """The import of one model: the value of each tensor, and the reasons for refusing it."""

    def __init__(self, model: Model, raw_input: IntType | None, raw_scale: Fraction | None):
        self.model, self.raw_scale = model, raw_scale
        self.builder = GraphBuilder(model.batch, model.opset, limits.results_of(prod(model.shape)))
        self.reasons = list(model.reasons)
        self.listed = False  # whether a reason has listed the accepted operators
        self.read = {t for n in model.nodes for t in n.inputs} | {model.output}
        self.values: dict[str, Value] = {n: Const(a) for n, a in model.constants.items()}
        frame, self.last = input_edge(model)
        data = Data(INPUT, raw_input, model.shape, frame, quantized=raw_input is not None)
        if self.last:
            data = data.streamed(model.shape)
        if raw_input is not None and raw_scale is not None:
            self.builder.edges[INPUT] = Tensor(frame, raw_input)
            data = data.then(Affine((raw_scale,)), self.builder.work)
        self.values[model.input] = data

    def graph(self) -> Graph:
        """Import every node and return the graph, or raise with every reason."""
        if not any(map(_quantizes, self.model.nodes)):
            self.reasons.append(
                f"{self.model.path.name} holds no quantizer: a network must be quantized"
                f" ({', '.join(table.accepted(table.QONNX))}, QuantizeLinear), as Brevitas"
                " exports it to QONNX or ONNX Runtime's static quantization writes it"
            )
        for node in self.model.nodes:
            results = self._results(node)
            for i, tensor in enumerate(node.outputs):
                if tensor:
                    self.values[tensor] = results[i] if i < len(results) else Unknown()
        sink = None if self.reasons else self._sink()
        if sink is None:
            unlisted = len(self.reasons) - limits.REASONS
            tail = [f"and {unlisted} more"] if unlisted > 0 else []
            raise UnsupportedError([*self.reasons[: limits.REASONS], *tail])
        graph = Graph(
            name=legal(self.model.path.stem, fallback="model"),
            stage=Stage.IMPORTED,
            source=self._source(),
            nodes=_read(_needed(self.builder.nodes, sink), sink),
            sink=sink,
        )
        verify(graph, Stage.IMPORTED)
        return graph

    def _source(self) -> Source:
        return Source(
            shape=self.model.shape,
            tensor=self.builder.edges[INPUT],
            quantizer=self.builder.input_quantizer,
            raw_scale=None if self.raw_scale is None else str(self.raw_scale),
            channel_last=self.last,
        )

    def _results(self, node: Node) -> tuple[Value, ...]:
        """Return what a node gives; nothing where it is refused or reads a refused node's."""
        rule = table.rule_of(node)
        fault = self._no_rule(node) if rule is None else self._fault(node, rule)
        if rule is None or fault:
            self.reasons.append(f"{node}: {fault}")
            return ()
        values: list[Known | None] = []
        for tensor in node.inputs:
            value = self.values[tensor] if tensor else None
            if isinstance(value, Unknown):
                return ()
            if isinstance(value, Head):
                if rule.after_head == "passed":
                    return (value,)
                if value.decided or rule.after_head != "read":
                    self.reasons.append(
                        f"{node}: what a Softmax, ArgMax or TopK gives must be the model's output"
                    )
                    return ()
                value = value.data
            if isinstance(value, Data) and value.stored and rule.integers == "refused":
                self.reasons.append(
                    f"{node}: its data must be real numbers, not integers of type"
                    f" {value.stored.lower()}; put DequantizeLinear in front of it"
                )
                return ()
            values.append(value)
        try:
            result = rule.apply(Call(self.builder, node, values))
        except (RefusedError, SpecError, UnsupportedError) as error:
            self.reasons.append(f"{node}: {error}")
            return ()
        results = result if isinstance(result, tuple) else (result,)
        first = values[0] if values else None
        if rule.integers != "kept" or not isinstance(first, Data):
            return results
        return tuple(replace(r, stored=first.stored) if isinstance(r, Data) else r for r in results)

    def _no_rule(self, node: Node) -> str:
        """Return why a node without a rule is refused."""
        known = table.domains()
        failed = "".join(
            f"; package {name} could not be imported: {why}" for name, why in failures()
        )
        if node.domain not in (*STANDARD, *known):
            names = ", ".join(known)
            return f"its domain must be ONNX's own or {names}, not {shown(node.domain)}{failed}"
        names, self.listed = "" if self.listed else ", ".join(table.accepted()), True
        return f"this operator is not supported{names and f'; accepted are {names}'}{failed}"

    def _fault(self, node: Node, rule: table.ImportRule) -> str:
        """Return why ``node`` is refused before its operands are looked at; empty if it is not."""
        if fault := rule.fault(node, self.model.opset):
            return fault
        further = [t for t in node.outputs[1:] if t]
        if rule.outputs == "first read":
            further = [t for t in further if t in self.read]
        if rule.outputs != "all" and (not node.outputs[0] or further):
            return "it must give one tensor, its first"
        return ""

    def _sink(self) -> Sink | None:
        """Return what the model's output means; None, and a reason, where it is refused."""
        value = self.values[self.model.output]
        if isinstance(value, Head):
            if value.decided:
                edge = value.data.edge
                tensor = self.builder.edges[edge]
                return Sink(shape=tensor.shape, edge=edge, tensor=tensor)
            value = value.data
        try:
            return self._scores(value, f"the output {shown(self.model.output)}")
        except (RefusedError, SpecError) as error:
            self.reasons.append(str(error))
            return None

    def _scores(self, value: Value, name: str) -> Sink:
        """Return the sink of an output that means a scale times integers plus an offset."""
        if not isinstance(value, Data):
            raise RefusedError(f"{name} must depend on the model's input")
        try:
            value = self.builder.settle(value)
        except (RefusedError, SpecError) as error:
            raise RefusedError(f"{name}: {error}") from error
        if value.type is None:
            raise RefusedError(f"{name} is floats without any quantizer; {RAW_HINT}")
        real = value.meaning(name, "; end the model with a linear layer or a quantizer")
        if value.edge == INPUT:
            raise RefusedError(f"{name} must come from at least one layer; there is none")
        if value.order is not None and not value.is_last:
            raise RefusedError(
                f"{name}: data must keep its order; a Transpose must be followed by a layer"
            )
        return Sink(
            shape=value.shape,
            edge=value.edge,
            tensor=self.builder.edges[value.edge],
            scale=real.scale,
            offset=real.offset,
            channel_last=value.is_last,
        )


def _quantizes(node: Node) -> bool:
    """Whether a node makes its network a quantized one."""
    rule = table.rule_of(node)
    return node.domain in QUANT_DOMAINS or (
        rule is not None and (rule.quantizer or rule.domain in QUANT_DOMAINS)
    )


def _needed(nodes: list[Operator], sink: Sink) -> tuple[Operator, ...]:
    """Return the nodes that the output depends on, in order."""
    wanted, kept = {sink.edge}, []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    return tuple(kept[::-1])


def _read(nodes: tuple[Operator, ...], sink: Sink) -> tuple[Operator, ...]:
    """Return ``nodes`` with crops for a split of which nothing reads some part.

    In hardware a part that nobody takes would hold up all others.
    """
    read = {sink.edge, *(e for n in nodes for e in n.inputs)}
    kept: list[Operator] = []
    for node in nodes:
        if isinstance(node, Split) and not read.issuperset(node.outputs):
            kept += [crop for crop in node.crops() if crop.name in read]
        else:
            kept.append(node)
    return tuple(kept)
