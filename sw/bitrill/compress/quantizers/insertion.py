"""Inserts quantizers into a traced network: of the weights of layers, and of activations.

A layer with weights, an average and a sum must read integers. If such a node reads a tensor that is
not quantized, a quantizer is inserted after the call that computes the tensor; a ReLU becomes part
of its quantizer. The operands of a sum or concatenation must be on one grid, so one quantizer is
applied to all of them. Max pooling, reshaping and the like return integers that they read.
"""

from __future__ import annotations

import operator
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.nn.mixin.parameter import QuantWeightMixin
from torch import fx, nn
from torch.nn import functional

from ...errors import SpecError
from .. import graph_tracing
from . import act_words, weight_words
from .integers import DEFAULT, RangeRule
from .quantized_layers import KINDS, plain_layer, quantized_layer
from .quantizer_table import INPUT, PatternSettings, QuantizerTable

RECTIFIERS = (nn.ReLU, functional.relu, torch.relu, "relu")

_KEEPING: tuple[object, ...] = (
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Flatten,
    nn.Unflatten,
    nn.Identity,
    nn.Dropout,
    nn.Dropout2d,
    nn.Upsample,
    nn.ChannelShuffle,
    nn.PixelShuffle,
    nn.ZeroPad2d,
    functional.max_pool1d,
    functional.max_pool2d,
    functional.adaptive_max_pool2d,
    functional.dropout,
    functional.interpolate,
    functional.pad,
    functional.pixel_shuffle,
    functional.channel_shuffle,
    torch.flatten,
    torch.reshape,
    torch.permute,
    torch.transpose,
    torch.squeeze,
    torch.unsqueeze,
    torch.index_select,
    torch.chunk,
    torch.split,
    operator.getitem,
    "flatten",
    "view",
    "reshape",
    "squeeze",
    "unsqueeze",
    "permute",
    "transpose",
    "contiguous",
    "chunk",
    "split",
)
"""Calls that return integers which they read, and perhaps zeros."""

_AVERAGES = (
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    functional.avg_pool1d,
    functional.avg_pool2d,
    functional.adaptive_avg_pool2d,
    functional.adaptive_avg_pool1d,
    torch.mean,
    "mean",
)
_SUMS = (operator.add, operator.iadd, operator.sub, torch.add, torch.sub, "add", "add_", "sub")
_PRODUCTS = (operator.mul, operator.imul, torch.mul, torch.matmul, "mul", "matmul")
_JOINS = (torch.cat, torch.concat)


def quantized(
    module: nn.Module, table: QuantizerTable, ranges: RangeRule = DEFAULT
) -> fx.GraphModule:
    """Return a module with the quantizers that the table asks for; every layer has its own.

    Existing quantizers are replaced. Raises `SpecError` for a pattern that matches no layer, for a
    kind of layer that cannot be quantized, and for a network that cannot be traced.
    """
    graph = without_quantizers(graph_tracing.trace(module))
    layers = graph_tracing.weighted_layers(graph)
    table.require_matches(name for name, _ in layers)
    odd = [f"{name} ({type(layer).__name__})" for name, layer in layers if type(layer) not in KINDS]
    if odd:
        known = ", ".join(kind.__name__ for kind in KINDS)
        raise SpecError(f"layers with weights must be of {known}, not {', '.join(odd)}")
    _Insertion(graph, table, ranges).fill()
    for name, layer in layers:
        if table.of(name).weights != weight_words.FLOAT:
            graph_tracing.replace_module(
                graph, name, quantized_layer(layer, table.of(name), ranges)
            )
    graph.recompile()
    return graph


def without_quantizers(graph: fx.GraphModule) -> fx.GraphModule:
    """Return a graph with plain layers in place of quantized ones, and plain ReLUs."""
    for node, module in list(graph_tracing.used_modules(graph)):
        if isinstance(module, qnn.QuantIdentity):
            node.replace_all_uses_with(node.args[0])  # pyright: ignore[reportArgumentType]
            graph.graph.erase_node(node)
        elif isinstance(module, act_words.RECTIFYING):
            graph_tracing.replace_module(graph, str(node.target), nn.ReLU())
        elif isinstance(module, QuantWeightMixin):
            graph_tracing.replace_module(graph, str(node.target), plain_layer(module))
    graph.delete_all_unused_submodules()
    graph.recompile()
    return graph


class _Insertion:
    """Inserts the quantizers of activations into a graph; ``quantizers``: those inserted so far."""

    def __init__(self, graph: fx.GraphModule, table: QuantizerTable, ranges: RangeRule):
        self.graph, self.table, self.ranges = graph, table, ranges
        self.quantizers: set[fx.Node] = set()

    def fill(self) -> None:
        """Insert every quantizer that the nodes of the graph need."""
        for node in list(self.graph.graph.nodes):
            if self._is(node, graph_tracing.WEIGHTED, *_AVERAGES):
                self._require(_operands(node)[0])
            elif self._is(node, *_PRODUCTS):
                for k in range(len(_operands(node))):
                    self._require(_operands(node)[k])  # read anew: a quantizer may replace it
            elif self._is(node, *_SUMS) or self._is(node, *_JOINS):
                self._join(node)
            elif node.op == "output":
                self._finish(node)
        self.graph.graph.lint()

    def _is(self, node: fx.Node, *kinds: object) -> bool:
        """Return whether a node calls one of these functions, methods (by name) or modules."""
        if node.op == "call_module":
            module = self.graph.get_submodule(str(node.target))
            classes = [k for kind in kinds for k in (kind if isinstance(kind, tuple) else (kind,))]
            return isinstance(module, tuple(k for k in classes if isinstance(k, type)))
        return node.op in ("call_function", "call_method") and node.target in kinds

    def _maker(self, node: fx.Node) -> fx.Node:
        """Return the call that computed the integers of a node, which others only passed on."""
        while node not in self.quantizers and self._is(node, *_KEEPING):
            node = _operands(node)[0]
        return node

    def _require(self, operand: fx.Node) -> None:
        """Insert a quantizer for an operand, unless it is quantized already."""
        maker = self._maker(operand)
        if maker in self.quantizers or (self._is(maker, *_JOINS) and self._joined(maker)):
            return
        rectified, row = self._rectified(maker), self._row(maker)
        acts = 8 if row.acts is None else row.acts
        if row.joins is not None and self._is(maker, *_AVERAGES):
            acts = row.joins
        self._put_behind(maker, act_words.make(acts, rectified, self.ranges))

    def _joined(self, node: fx.Node) -> bool:
        return all(self._maker(n) in self.quantizers for n in _operands(node))

    def _rectified(self, node: fx.Node) -> bool:
        """Return whether a call's results are never negative."""
        if self._is(node, *_AVERAGES):
            return self._positive(self._maker(_operands(node)[0]))
        kinds = (nn.ReLU6, nn.Sigmoid, nn.Hardsigmoid, functional.relu6, torch.sigmoid, "sigmoid")
        return self._is(node, *RECTIFIERS, *kinds, functional.hardsigmoid, functional.sigmoid)

    def _put_behind(self, maker: fx.Node, quantizer: nn.Module) -> None:
        """Insert a quantizer after a call, or in place of it if the call is a ReLU."""
        graph = self.graph.graph
        with graph.inserting_after(maker):
            node = graph.call_module(self._added(f"{maker.name}_quant", quantizer))
        maker.replace_all_uses_with(node)
        node.args = (maker,)
        self.quantizers.add(node)
        if self._is(maker, *RECTIFIERS):
            node.args = (_operands(maker)[0],)
            graph.erase_node(maker)

    def _join(self, node: fx.Node) -> None:
        """Apply one quantizer to all operands of a sum or a concatenation."""
        operands = _operands(node)
        if len(operands) < 2:
            return
        makers = {self._maker(n) for n in operands}
        if self._is(node, *_JOINS) and len(makers) == 1:
            self._require(operands[0])  # parts of one tensor are on one grid
            return
        row = self._row(operands[0])
        acts = row.acts if isinstance(row.acts, int) else 4
        quantizer = act_words.integers(
            row.joins or max(acts, 4), all(map(self._positive, makers)), self.ranges
        )
        name = self._added(f"{node.name}_quant", quantizer)
        for operand in dict.fromkeys(operands):  # x + x has a single operand to quantize
            with self.graph.graph.inserting_before(node):
                new = self.graph.graph.call_module(name, (operand,))
            node.replace_input_with(operand, new)
            self.quantizers.add(new)

    def _positive(self, maker: fx.Node) -> bool:
        """Return whether the results of a quantizer or of another call are never negative."""
        if maker in self.quantizers:
            quantizer = self.graph.get_submodule(str(maker.target))
            return isinstance(quantizer, act_words.RECTIFYING)
        return self._rectified(maker)

    def _finish(self, node: fx.Node) -> None:
        """Insert a quantizer after the network's result, if the table asks for one."""
        result = node.args[0]
        if not isinstance(result, fx.Node):
            raise SpecError("the network must give one tensor, not several")
        bits = self._row(result).output
        if bits is not None and self._maker(result) not in self.quantizers:
            self._put_behind(self._maker(result), act_words.integers(bits, False, self.ranges))

    def _row(self, node: fx.Node) -> PatternSettings:
        """Return the table's row of the layer that a node's data comes from, or of the input."""
        while node.op != "placeholder" and not self._is(node, graph_tracing.WEIGHTED):
            operands = _operands(node)
            if not operands:
                break
            node = operands[0]
        return self.table.of(INPUT if node.op != "call_module" else str(node.target))

    def _added(self, name: str, module: nn.Module) -> str:
        """Add a module under ``name``, with ``_`` appended until it is free; return the name."""
        while hasattr(self.graph, name):
            name += "_"
        self.graph.add_submodule(name, module)
        return name


def _operands(node: fx.Node) -> list[fx.Node]:
    """Return the nodes that a call reads, in order, also those in lists and keyword arguments."""

    def nodes(given: Any) -> list[fx.Node]:
        if isinstance(given, fx.Node):
            return [given]
        each = given.values() if isinstance(given, dict) else given
        return [n for g in each for n in nodes(g)] if isinstance(given, list | tuple | dict) else []

    return nodes([node.args, dict(node.kwargs)])
