"""Builds the graph while a model is imported: import rules append operators to it.

The builder names operators after the model's nodes, reuses an equal operator instead of adding a
second one, and adds the quantizer after the real functions of a tensor.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np

from ...ir import INPUT, Activation, Function, InputQuantizer, IntType, Operator, Quantizer, Tensor
from ...ops import Lookup, Split, Window
from ...passes.input_quantizer import input_quantizer
from ..reader import limits
from ..reader.model import Node
from ..reader.names import LENGTH, Names, legal
from .constants import WorkLimit
from .refusal import RefusedError
from .values import Data

Made = TypeVar("Made", bound=Operator)


class GraphBuilder:
    """The nodes and edges that rules have appended so far, and the input's quantizer.

    ``largest``: elements that a result may have. ``batch``: the batch size, 1 if it is left open.
    ``opset``: the model's opset. ``splits``: the `Split` of each edge that was sliced. ``work``:
    the exact arithmetic done for the model.
    """

    def __init__(self, batch: int | None, opset: int, largest: int) -> None:
        self.opset, self.largest = opset, largest
        self.batch = 1 if batch is None else batch
        self.batch_is_free = batch is None
        self.nodes: list[Operator] = []
        self.edges: dict[str, Tensor] = {}
        self.input_function: Function | None = None
        self.input_quantizer: InputQuantizer | None = None
        self.work = WorkLimit()
        self.met_floats = False
        self.joints: dict[str, Node] = {}
        self.splits: dict[str, Split] = {}
        self._shared: dict[object, Operator] = {}
        self._names = Names()
        self._names.legal(INPUT)

    def emit(
        self,
        kind: type[Made],
        node: Node,
        *edges: str,
        part: bool = False,
        share: bool = False,
        **parameters: object,
    ) -> Made:
        """Append an operator of class ``kind`` that reads ``edges``, named after ``node``.

        ``part``: it is one of several operators that replace the node, and its kind is added to the
        name. ``share``: if there is an operator with the same class, edges and parameters, return
        that. Edges with logarithmic codes are converted to integers if the class cannot read codes.
        """
        if not kind.takes_codes:
            edges = tuple(self._integer_edge(e, node) for e in edges)
        key = (kind, edges, _comparable(parameters)) if share else None
        if isinstance(known := self._shared.get(key), kind):
            return known
        make = cast("Callable[..., Made]", kind)  # each class has its own parameters
        operands = tuple(self.edges[e] for e in edges)
        while True:  # until the names of further results are free, too
            name = self._name(node, kind.kind if part else "")
            made = make(name=name, inputs=edges, operands=operands, **parameters)
            if self._names.take(made.outputs[1:]):
                break
        for result in made.results:
            self.check_size(result.size // (limits.WINDOWS if kind is Window else 1))
        self.nodes.append(made)
        self.edges |= zip(made.outputs, made.results, strict=True)
        if key is not None:
            self._shared[key] = made
        return made

    def check_size(self, n: int) -> None:
        """Refuse a result of ``n`` elements if they are too many, before any is computed."""
        if n > self.largest:
            raise RefusedError(
                f"its result must have at most {self.largest} elements (2**20, or"
                f" {limits.GROWTH} times the input's), not {n}"
            )

    def origin(self, edge: str) -> Node | None:
        """Return the Concat that ``edge`` comes from through nodes with one operand, if any."""
        writers = {e: n for n in self.nodes for e in n.outputs}
        while edge not in self.joints and edge in writers and len(writers[edge].inputs) == 1:
            edge = writers[edge].inputs[0]
        return self.joints.get(edge)

    def table(self, edge: str, table: np.ndarray, node: Node) -> str:
        """Return the edge of a `Lookup` that maps the integers of ``edge`` by ``table``."""
        out = IntType.for_range(lo=int(table.min()), hi=int(table.max()))
        return self.emit(Lookup, node, edge, part=True, share=True, table=table, out=out).name

    def _integer_edge(self, edge: str, node: Node) -> str:
        """Return ``edge``; if it has logarithmic codes, the edge of a table of their integers."""
        t = self.edges[edge].type
        return edge if t.coding.addable else self.table(edge, t.values()[None], node)

    def _name(self, node: Node, part: str) -> str:
        """Return a legal name for an operator that replaces ``node``, or a part of it."""
        name = node.name or f"{node.op}_{node.index}"
        if part:
            name = f"{legal(name)[: LENGTH - len(part) - 1]}_{part}"
        return self._names.legal(name)

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        """Return the edge of ``quantizer(data)``: of a new node, or the model's quantized input."""
        if data.deferred is not None:
            return data.deferred.quantize(data, quantizer, node)
        function = Function(data.steps, quantizer)
        if data.type is not None:
            return self.emit(Activation, node, data.edge, function=function).name
        if self.input_function != function:
            self.quantize_input(input_quantizer(function), data)
            self.input_function = function
        return INPUT

    def quantize_input(self, quantizer: InputQuantizer, data: Data) -> None:
        """Make ``quantizer`` the design's input; refuse a second, different one."""
        if data.deferred is not None:
            raise RefusedError(
                "it must take the model's float input as a whole; put it before the nodes that cut"
                " parts off or add a border"
            )
        old = self.input_quantizer
        if old is not None and not (
            old.type == quantizer.type
            and np.array_equal(old.levels, quantizer.levels)
            and np.array_equal(old.inverted, quantizer.inverted)
        ):
            raise RefusedError(
                "the model's float input must go through one quantizer, not two different ones"
            )
        self.input_quantizer = quantizer
        self.edges[INPUT] = Tensor(data.frame, quantizer.type)

    def check_quantized(self, data: Data, what: str) -> None:
        """Refuse the model's float input, with the reason ``what``, and set `met_floats`."""
        if data.type is None:
            self.met_floats = True
            raise RefusedError(
                f"{what}; quantize the model's input first, or declare the grid of raw integers"
                " that it takes (--raw-input uint8 --input-scale 1/255)"
            )

    def settle(self, data: Data) -> Data:
        """Return ``data`` as an edge in the graph: a deferred layer is added now."""
        return data if data.deferred is None else data.deferred.settle(data)


def _comparable(parameters: dict[str, object]) -> object:
    """Return parameters as a hashable value; arrays are compared by shape and content."""
    return tuple(
        (name, (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value)
        for name, value in sorted(parameters.items())
    )
