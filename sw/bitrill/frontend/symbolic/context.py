"""One node with its operands, and the graph as far as it is built: what each rule works on."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ...exact import Real
from ...ir.graph import INPUT
from ...ir.interface import InputQuantizer
from ...ir.operator import Operator
from ...ir.types import IntType, Tensor
from ...ops.add import Add
from ...ops.avgpool import SumPool
from ...ops.concat import Concat
from ...ops.convert import Convert
from ...ops.depthwise import Depthwise
from ...ops.lookup import Lookup
from ...ops.matvec import MatVec
from ...ops.maxpool import MaxPool
from ...ops.pad import Pad
from ...ops.rearrange import Rearrange
from ...ops.shuffle import Shuffle
from ...ops.split import Split
from ...ops.upsample import Upsample
from ...ops.window import Window
from ...real import Activation, Affine, Function, Quantizer, Step
from ..reader import limits
from ..reader.model import Node
from ..reader.names import LENGTH, Names, legal
from .values import Const, Data, Known, Quantized, RefusedError, Work, check_exact, exact_array

RAW_HINT = (
    "quantize the model's input first, or declare the grid of raw integers that it takes"
    " (--raw-input uint8 --input-scale 1/255)"
)


PARTS = ("convert", "deconv", "lookup", "pad", "rearrange", "shuffle", "window")
"""Kinds that stand in front of what a node of the model becomes, and are named after both."""

SHARED = (Add, Concat, Convert, Lookup, MaxPool, Pad, Rearrange, Shuffle, Split, SumPool, Upsample)
"""Operators that are made once for all readers of what they give; windows and what has weights or
thresholds belong to one node of the model each."""


CODED = (Convert, Depthwise, Lookup, MatVec, Pad, Rearrange, Shuffle, Split, Upsample, Window)
"""Operators that take logarithmic codes as they are; for others they become integers first."""


class Builder:
    """The graph as far as it is built."""

    def __init__(self, batch: int | None) -> None:
        self.batch = 1 if batch is None else batch
        self.batch_is_free = batch is None
        self.nodes: list[Operator] = []
        self.edges: dict[str, Tensor] = {}
        self.input_function: Function | None = None
        self.input_quantizer: InputQuantizer | None = None
        self.names = Names()
        self.names.legal(INPUT)
        self.work = Work()
        self.splits: dict[str, Split] = {}
        self.shared: dict[object, Operator] = {}

    def add(self, node: Operator) -> None:
        """A new node, and its edges."""
        self.nodes.append(node)
        self.edges |= zip(node.outputs, node.results, strict=True)

    def name(self, node: Node, part: str = "") -> str:
        """A legal name for what a node of the model becomes, or for a ``part`` of it."""
        name = node.name or f"{node.op}_{node.index}"
        return self.names.legal(f"{legal(name)[: LENGTH - len(part) - 1]}_{part}" if part else name)

    def emit(self, kind: type[Operator], node: Node, *edges: str, **parameters: Any) -> Any:
        """A new node of class ``kind`` on ``edges``, named after the model's ``node``.

        Of `SHARED` ones, the same that was made before, if there is one.
        """
        if kind not in CODED:
            edges = tuple(self.integer_edge(e, node) for e in edges)
        if kind not in SHARED:
            return self._made(kind, node, edges, parameters)
        key = (kind, edges, tuple((k, _comparable(v)) for k, v in sorted(parameters.items())))
        if key not in self.shared:
            self.shared[key] = self._made(kind, node, edges, parameters)
        return self.shared[key]

    def integer_edge(self, edge: str, node: Node) -> str:
        """``edge``, or the integers that its logarithmic codes stand for, by a table."""
        t = self.edges[edge].type
        if t.coding.addable:
            return edge
        table, out = t.values()[None], IntType.for_range(lo=t.lo, hi=t.hi)
        return self.emit(Lookup, node, edge, table=table, out=out).name

    def _made(
        self, kind: type[Operator], node: Node, edges: tuple[str, ...], parameters: dict[str, Any]
    ) -> Operator:
        made = kind(
            name=self.name(node, kind.kind if kind.kind in PARTS else ""),
            inputs=edges,
            operands=tuple(self.edges[e] for e in edges),
            **parameters,
        )
        self.add(made)
        return made

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        """The edge of ``quantizer(data)``: of a new node, or of the input's own quantizer."""
        if data.deferred is not None:
            return data.deferred.quantize(self, data, quantizer, node)
        function = Function(data.steps, quantizer)
        if data.type is None:
            self._quantize_input(function, data)
            return INPUT
        return self.emit(Activation, node, data.edge, function=function).name

    def settle(self, data: Data) -> Data:
        """``data`` with nothing deferred: an edge of the graph as it stands."""
        return data if data.deferred is None else data.deferred.settle(self, data)

    def _quantize_input(self, function: Function, data: Data) -> None:
        from ...passes.input_quantizer import input_quantizer

        if self.input_function is not None and self.input_function != function:
            raise RefusedError(
                "the model's float input must go through one quantizer, not two different ones"
            )
        if self.input_function is None:
            self.input_quantizer = input_quantizer(function)
            self.input_function = function
            self.edges[INPUT] = Tensor(data.frame, function.quantizer.type)


def _comparable(value: Any) -> object:
    """A parameter as something that can be compared: equal ones are equal."""
    return (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


class Call:
    """One node and the values of its inputs."""

    def __init__(self, builder: Builder, node: Node, values: list[Known | None]):
        self.builder, self.node, self.values = builder, node, values
        self.attributes = node.attributes

    def value(self, i: int) -> Known:
        """Input ``i``, which must be given."""
        v = self.values[i] if i < len(self.values) else None
        if v is None:
            raise RefusedError(f"input {i} must be given")
        return v

    def has(self, i: int) -> bool:
        """Whether the optional input ``i`` is given."""
        return i < len(self.values) and self.values[i] is not None

    def data(self, i: int) -> Data:
        """Input ``i``, which must depend on the model's input."""
        v = self.value(i)
        if not isinstance(v, Data):
            raise RefusedError(f"input {i} must depend on the model's input, not be a constant")
        return v

    def exact(self, i: int, what: str) -> np.ndarray:
        """Constant input ``i``, as exact numbers."""
        v = self.value(i)
        if not isinstance(v, Const | Quantized):
            raise RefusedError(f"{what} must be a constant, not depend on the model's input")
        array = exact_array(v, self.builder.work)
        if array.size == 0:
            raise RefusedError(f"{what} must not be empty")
        check_exact(array.reshape(-1).tolist())
        return array

    def then(self, data: Data, step: Step) -> Data:
        """``data`` with one more step."""
        return data.then(step, self.builder.work)

    def emit(self, kind: type[Operator], *edges: str, **parameters: Any) -> Any:
        """A new node of the graph, named after this one."""
        return self.builder.emit(kind, self.node, *edges, **parameters)

    def integers_of(self, i: int, *, image: bool = False) -> tuple[Data, Affine]:
        """Input ``i`` as an edge of integers, and what these mean; nothing else may be in between.

        Any integers that are not too wide will do, whether a quantizer gives them or, say, a sum.
        """
        data = self.builder.settle(self.data(i))
        if data.type is None:
            raise RefusedError(f"it takes unquantized floats; {RAW_HINT}")
        data = self.clipped(data)
        if image:
            data = self.arranged(data)
        real = data.affine
        wide = data.type is None or data.type.bits > limits.ACTIVATION_BITS
        if not data.quantized or real is None or wide:
            raise RefusedError(
                "its data are not quantized; put Quant or BipolarQuant right before it"
            )
        return data, real

    def clipped(self, data: Data) -> Data:
        """``data`` without clips, where its integers can be clipped instead."""
        from .grids import clipped

        return clipped(self.builder, data, self.node)

    def image(self, i: int) -> Data:
        """Input ``i``, which must be ``[batch, channels, places]`` with one or two such axes."""
        data = self.data(i)
        return data if data.is_image else self.arranged(self.builder.settle(data))

    def arranged(self, data: Data) -> Data:
        """``data`` as an image, its channels and places moved where the model moved them."""
        from ..rules.arrange import arrange

        data = arrange(self.builder, data, self.node)
        if not data.is_image:
            axes = "[batch, channels, rows, columns] or [batch, channels, length]"
            raise RefusedError(
                f"its data must be {axes}, in the order that a layer gives them or with channels"
                f" shuffled, not {['batch', *data.shape]} made of {['batch', *data.image]}"
            )
        return data

    def result(
        self, node: Operator, meaning: Affine, *, k: int = 0, quantized: bool = True
    ) -> Data:
        """Result ``k`` of ``node``, an image of that meaning."""
        y = node.results[k]
        data = Data(node.outputs[k], y.type, (y.channels, *y.shape[:-1]), y.shape)
        data = self.then(data, meaning)
        return replace(data, quantized=quantized)

    def number(self, i: int, what: str) -> Real:
        """Constant input ``i``, a single exact number."""
        array = self.exact(i, what)
        if array.size != 1:
            raise RefusedError(f"{what} must be a single number, not of shape {list(array.shape)}")
        return array.reshape(-1)[0]

    def integers(self, i: int, what: str) -> np.ndarray:
        """Constant input ``i``, int64, none of it the batch's size."""
        v = self.value(i)
        if not isinstance(v, Const) or v.array.dtype != np.int64:
            raise RefusedError(f"{what} must be constant integers")
        if v.batch is not None and v.batch.any():
            raise RefusedError(f"{what} must not depend on the size of the batch")
        return v.array

    def fraction(self, name: str, default: float) -> Fraction:
        """A float attribute as the rational it is."""
        value: Any = self.attributes.get(name, default)
        if not np.isfinite(value):
            raise RefusedError(f"attribute {name} must be finite, not {value}")
        return Fraction(value)
