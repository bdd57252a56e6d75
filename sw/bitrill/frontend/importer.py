"""Imports a model file: applies a rule to each node, in order, and collects all refusals."""

from dataclasses import replace
from math import prod
from pathlib import Path

from ..errors import SpecError, UnsupportedError
from ..ir import INPUT, Graph, IntType, Source, Stage, Tensor, raw_numbers, verify
from ..ir.registry import failures, load_packages
from ..real import Affine
from .batch_axis import lowered, rewritten
from .declared import shape_fault, stand_in
from .model_outputs import sink_of
from .needed import needed, read
from .raw_input import Numbers, RawInput
from .reader import limits
from .reader.model import Model, Node
from .reader.names import legal, shown
from .reader.proto import QUANT_DOMAINS, STANDARD, read_model
from .rules import accepted, table
from .rules.host import HostRule, host_rule_of
from .rules.input_layout import input_edge
from .rules.matmul import BOTH_DATA
from .symbolic import (
    Call,
    Const,
    Data,
    GraphBuilder,
    HostCall,
    Hosted,
    Operand,
    Quantized,
    RefusedError,
    Unknown,
    Value,
    depends,
    of_integers,
    unreadable,
)


def load_model(
    path: Path | str,
    *,
    raw_input: IntType | None = None,
    raw_scale: Numbers | None = None,
    raw_offset: Numbers | None = None,
) -> Graph:
    """Read the model in ``path`` as a graph at stage IMPORTED.

    ``raw_input``, ``raw_scale``, ``raw_offset``: the design takes integers of that type, which mean
    ``raw_scale * integer + raw_offset`` (0 if not given; lists have one number for each channel),
    and the model's first quantizer becomes a node. Without them, the design takes the integers of
    the first quantizer, or those that the file states: by its input's type, or, if there is no
    quantizer at the input, by qonnx's annotation.

    Raises `StorageError` if the file cannot be read, `UnsupportedError` with every reason if the
    model is refused, `SpecError` for a bad grid, `ToolError` if the package ``onnx`` is missing.
    """
    raw = RawInput.asked(raw_input, raw_scale, raw_offset)
    load_packages()
    model = read_model(Path(path), table.bodies())
    if model.grid is None:
        return _Import(model, raw).graph()
    stated = RawInput.stated(model.grid)
    if raw is not None and stated.stored:
        raise UnsupportedError(
            f"{model.path.name}: its input has integers of type {stated.stored.lower()};"
            " no other grid may be declared for it"
        )
    attempt = _Import(model, stated if stated.stored else raw)
    try:
        return attempt.graph()
    except UnsupportedError:
        if not attempt.builder.met_floats:
            raise
    return _Import(model, stated).graph()


class _Import:
    """The import of one model: the value of each tensor so far, and the reasons for a refusal."""

    def __init__(self, model: Model, raw: RawInput | None):
        self.model, self.raw = model, raw
        self.builder = GraphBuilder(model.batch, model.opset, limits.results_of(prod(model.shape)))
        self.reasons = list(model.reasons)
        self.n_hosted = 0
        self.listed = False  # whether a reason has listed the accepted operators
        self.read = {t for n in model.nodes for t in n.inputs} | {o.name for o in model.outputs}
        self.values: dict[str, Value] = {n: Const(a) for n, a in model.constants.items()}
        frame, self.last = input_edge(model)
        data = Data(INPUT, None, model.shape, frame)
        if self.last:
            data = data.streamed(model.shape)
        self.meaning = Affine() if raw is None else raw.meaning(data)
        if raw is not None:
            self.builder.edges[INPUT] = Tensor(frame, raw.type)
            data = replace(data, type=raw.type, quantized=True, stored=raw.stored)
            data = data if raw.stored else data.then(self.meaning, self.builder.work)
        self.values[model.input] = data

    def graph(self) -> Graph:
        """Import every node and return the graph, or raise with every reason."""
        floats = self.raw is None or not self.raw.stored
        if floats and not any(map(_quantizes, self.model.nodes)):
            self.reasons.append(
                f"{self.model.path.name} has no quantizer: a network must be quantized"
                f" ({', '.join(table.accepted(table.QONNX))}, QuantizeLinear), as Brevitas"
                " exports it to QONNX or ONNX Runtime's static quantization writes it"
            )
        for node in self.model.nodes:
            results = self._results(node)
            for i, tensor in enumerate(node.outputs):
                if tensor:
                    unknown = Unknown(any(map(depends, self._operands(node))))
                    self.values[tensor] = results[i] if i < len(results) else unknown
                    self._check_declared(node, tensor)
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
            nodes=read(needed(self.builder.nodes, sink), sink),
            sink=sink,
        )
        verify(graph, Stage.IMPORTED)
        return graph

    def _source(self) -> Source:
        return Source(
            shape=self.model.shape,
            tensor=self.builder.edges[INPUT],
            quantizer=self.builder.input_quantizer,
            channel_last=self.last,
            **({} if self.raw is None else raw_numbers(self.meaning.scale, self.meaning.offset)),
        )

    def _results(self, node: Node) -> tuple[Value, ...]:
        """Return the results of a node; none if it, or a node that it depends on, is refused."""
        rule, host = table.rule_of(node), host_rule_of(node)
        if rule is None and host is None:
            return self._refuse(f"{node}: {self._no_rule(node)}")
        fault, late_fault = (r and self._fault(node, r) for r in (rule or host, host or rule))
        if fault and late_fault:
            return self._refuse(f"{node}: {fault}")
        operands = self._operands(node)
        values = [v for v in operands if not isinstance(v, Unknown)]
        if len(values) < len(operands):
            return self._behind(node, rule, operands)
        try:
            node, values = rewritten(self.builder, node, values)
        except RefusedError as error:
            return self._refuse(f"{node}: {error}")
        known = [v for v in values if not isinstance(v, Hosted)]
        late = next((v for v in values if isinstance(v, Hosted)), None)
        if late is not None and (host is None or late_fault):
            return self._refuse(unreadable(late, node))
        if late is not None or rule is None:
            result = self._hosted(node, host, values)
            return self._refuse(f"{node}: {result}") if isinstance(result, str) else result
        if fault:
            result = f"{node}: {fault}"
        else:
            result = self._applied(Call(self.builder, node, known), rule)
        if not isinstance(result, str):
            return result
        plain = any(isinstance(v, Data) and not v.lifted for v in known)
        if host is not None and host.instead and plain:
            hosted = self._hosted(node, host, values)
            if not isinstance(hosted, str):
                return tuple(replace(v, reason=v.reason or result) for v in hosted)
        return self._refuse(result)

    def _operands(self, node: Node) -> list[Value | None]:
        return [self.values[tensor] if tensor else None for tensor in node.inputs]

    def _behind(
        self, node: Node, rule: table.ImportRule | None, operands: list[Value | None]
    ) -> tuple[Value, ...]:
        """Check as much as possible of a node after a refused one, and go on after quantizers."""
        if rule is None:
            return ()
        if rule.weights and all(map(depends, operands[:2])):
            return self._refuse(f"{node}: {BOTH_DATA}")
        first, *rest = operands
        known = [v for v in rest if isinstance(v, Const | Quantized)]
        if not _quantizes(node) or not depends(first) or len(known) < len(rest):
            return ()
        declared = self.model.declared
        shape = declared.get(node.inputs[0], declared.get(node.outputs[0]))
        data = None if shape is None or self.last else stand_in(self.builder, shape, node)
        if data is None:
            return ()
        result = self._applied(Call(self.builder, node, [data, *known]), rule)
        return self._refuse(result) if isinstance(result, str) else result

    def _refuse(self, reason: str) -> tuple[Value, ...]:
        """Add a reason to the list, unless it is there."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        return ()

    def _check_declared(self, node: Node, tensor: str) -> None:
        """Refuse a result whose shape is not the one that the file declares."""
        if tensor in self.model.declared:
            fault = shape_fault(self.builder, self.model.declared[tensor], self.values[tensor])
            if fault:
                self._refuse(f"{node}: {fault}")

    def _applied(self, call: Call, rule: table.ImportRule) -> tuple[Value, ...] | str:
        """Return a node's results by its import rule, or the reason why it is refused."""
        stored = next((v.stored for v in call.values if isinstance(v, Data) and v.stored), "")
        if stored and rule.integers == "refused":
            return f"{call.node}: {of_integers(stored)}"
        try:
            result = rule.apply(call)
        except (RefusedError, SpecError, UnsupportedError) as error:
            return f"{call.node}: {error}"
        results = result if isinstance(result, tuple) else (result,)
        if any(isinstance(v, Data) and v.lifted for v in call.values):
            results = tuple(map(lowered, results))
        first = call.values[0] if call.values else None
        if rule.integers != "kept" or not isinstance(first, Data):
            return results
        return tuple(replace(r, stored=first.stored) if isinstance(r, Data) else r for r in results)

    def _hosted(
        self, node: Node, host: HostRule | None, operands: list[Operand]
    ) -> tuple[Hosted, ...] | str:
        """Return what the host computes for a node, or the reason why it is refused."""
        if host is None or not any(isinstance(v, Data | Hosted) for v in operands):
            return "one of its inputs must depend on the model's input"
        try:
            result = host.apply(HostCall(self.builder, node, operands))
        except (RefusedError, SpecError, UnsupportedError) as error:
            return str(error)
        results = result if isinstance(result, tuple) else (result,)
        self.n_hosted += 1
        if self.n_hosted > limits.HOST_NODES:
            return f"nodes that the host computes must be at most {limits.HOST_NODES}"
        if any(prod(v.shape) > limits.INPUT_ELEMENTS for v in results):
            return f"its result must have at most {limits.INPUT_ELEMENTS} elements"
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
        """Return why ``node`` is refused before its operands are checked; empty if it is not."""
        if fault := rule.fault(node, self.model.opset):
            return fault
        further = [t for t in node.outputs[1:] if t]
        if rule.outputs == "first read":
            further = [t for t in further if t in self.read]
        if rule.outputs != "all" and (not node.outputs[0] or further):
            return "it must have one result, its first"
        return ""


def _quantizes(node: Node) -> bool:
    """Return whether a node makes its network a quantized one."""
    rule = table.rule_of(node)
    return node.domain in QUANT_DOMAINS or (
        rule is not None and (rule.quantizer or rule.domain in QUANT_DOMAINS)
    )
