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
from .outputs import sink_of
from .reader import limits
from .reader.model import Model, Node
from .reader.names import legal, shown
from .reader.proto import QUANT_DOMAINS, STANDARD, read_model
from .rules import accepted, table
from .rules.host import HostRule, host_rule_of
from .rules.input_layout import input_edge
from .symbolic import (
    Call,
    Const,
    Data,
    GraphBuilder,
    HostCall,
    Hosted,
    Operand,
    RefusedError,
    Unknown,
    Value,
    of_integers,
    unreadable,
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
        self.n_hosted = 0
        self.listed = False  # whether a reason has listed the accepted operators
        self.read = {t for n in model.nodes for t in n.inputs} | {o.name for o in model.outputs}
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
        sink = None
        if not self.reasons:
            outputs = [(declared, self.values[declared.name]) for declared in self.model.outputs]
            sink, reasons = sink_of(self.builder, outputs)
            self.reasons += reasons
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
        rule, host = table.rule_of(node), host_rule_of(node)
        fault = self._no_rule(node) if rule is None else self._fault(node, rule)
        late_fault = fault if host is None else self._fault(node, host)
        if fault and late_fault:
            return self._refuse(f"{node}: {fault}")
        operands = [self.values[tensor] if tensor else None for tensor in node.inputs]
        values = [v for v in operands if not isinstance(v, Unknown)]
        if len(values) < len(operands):
            return ()
        known = [v for v in values if not isinstance(v, Hosted)]
        late = next((v for v in values if isinstance(v, Hosted)), None)
        if late is not None and (host is None or late_fault):
            return self._refuse(unreadable(late, node))
        if late is not None or rule is None:
            result = self._hosted(node, host, values)
            return self._refuse(f"{node}: {result}") if isinstance(result, str) else result
        result = fault or self._applied(Call(self.builder, node, known), rule)
        if not isinstance(result, str):
            return result
        if host is not None and host.instead and any(isinstance(v, Data) for v in known):
            hosted = self._hosted(node, host, values)
            if not isinstance(hosted, str):
                return tuple(replace(v, reason=v.reason or result) for v in hosted)
        return self._refuse(f"{node}: {result}")

    def _refuse(self, reason: str) -> tuple[Value, ...]:
        """List a reason, once."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        return ()

    def _applied(self, call: Call, rule: table.ImportRule) -> tuple[Value, ...] | str:
        """Return what a node gives by its import rule, or why it is refused."""
        stored = next((v.stored for v in call.values if isinstance(v, Data) and v.stored), "")
        if stored and rule.integers == "refused":
            return of_integers(stored)
        try:
            result = rule.apply(call)
        except (RefusedError, SpecError, UnsupportedError) as error:
            return str(error)
        results = result if isinstance(result, tuple) else (result,)
        first = call.values[0] if call.values else None
        if rule.integers != "kept" or not isinstance(first, Data):
            return results
        return tuple(replace(r, stored=first.stored) if isinstance(r, Data) else r for r in results)

    def _hosted(
        self, node: Node, host: HostRule | None, operands: list[Operand]
    ) -> tuple[Hosted, ...] | str:
        """Return what the host computes for a node, or why it is refused."""
        if host is None or not any(isinstance(v, Data | Hosted) for v in operands):
            return self._no_rule(node)
        try:
            result = host.apply(HostCall(self.builder, node, operands))
        except (RefusedError, SpecError, UnsupportedError) as error:
            return str(error)
        results = result if isinstance(result, tuple) else (result,)
        self.n_hosted += 1
        if self.n_hosted > limits.HOST_NODES:
            return f"nodes that the host computes must be at most {limits.HOST_NODES}"
        if any(prod(v.shape) > limits.INPUT_ELEMENTS for v in results):
            return f"it must give at most {limits.INPUT_ELEMENTS} elements"
        return results

    def _no_rule(self, node: Node) -> str:
        """Return why a node without a rule is refused."""
        known = table.domains()
        failed = "".join(
            f"; package {name} could not be imported: {why}" for name, why in failures()
        )
        if node.domain not in (*STANDARD, *known):
            names = ", ".join(known)
            return f"its domain must be ONNX's own or {names}, not {shown(node.domain)}{failed}"
        names, self.listed = "" if self.listed else ", ".join(accepted()), True
        return f"this operator is not supported{names and f'; accepted are {names}'}{failed}"

    def _fault(self, node: Node, rule: table.ImportRule | HostRule) -> str:
        """Return why ``node`` is refused before its operands are looked at; empty if it is not."""
        if fault := rule.fault(node, self.model.opset):
            return fault
        further = [t for t in node.outputs[1:] if t]
        if rule.outputs == "first read":
            further = [t for t in further if t in self.read]
        if rule.outputs != "all" and (not node.outputs[0] or further):
            return "it must give one tensor, its first"
        return ""


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
