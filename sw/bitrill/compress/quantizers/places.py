"""Quantizers put into a traced network: which layers' weights, and where activations.

A layer with weights, an average and a sum need integers to read. Where such a node reads something
that is not quantized, a quantizer is put behind the call that made it (a rectifier becomes part of
it). What is added or concatenated must be on one grid, so both go through one quantizer. Maxima,
reshaping and the like keep integers as they are.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.nn.mixin.parameter import QuantWeightMixin
from torch import fx, nn
from torch.nn import functional

from ...errors import SpecError
from ...train.prune import Pruned
from .. import tracing
from . import activations, weights
from .integers import DEFAULT, Ranges, of_weights
from .learned import Blend
from .table import INPUT, QuantizerTable, Row

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
"""Calls whose results are some of the integers that they read, or zeros beside them."""

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

_KINDS = {
    nn.Linear: qnn.QuantLinear,
    nn.Conv1d: qnn.QuantConv1d,
    nn.Conv2d: qnn.QuantConv2d,
    nn.ConvTranspose1d: qnn.QuantConvTranspose1d,
    nn.ConvTranspose2d: qnn.QuantConvTranspose2d,
}

_LINEAR = ("in_features", "out_features")
_CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation")
_CONVOLUTION += ("groups", "padding_mode")


def quantized(module: nn.Module, table: QuantizerTable, ranges: Ranges = DEFAULT) -> fx.GraphModule:
    """Return a module with quantizers where the table wants them; it shares no layer's quantizer.

    Quantizers that are there already are replaced. Raises `SpecError` for a pattern that matches no
    layer, for a kind of layer that cannot be quantized, and for a network that cannot be traced.
    """
    graph = without_quantizers(tracing.trace(module))
    layers = tracing.weighted_layers(graph)
    table.require_matches(name for name, _ in layers)
    odd = [
        f"{name} ({type(layer).__name__})" for name, layer in layers if type(layer) not in _KINDS
    ]
    if odd:
        known = ", ".join(kind.__name__ for kind in _KINDS)
        raise SpecError(f"layers with weights must be of {known}, not {', '.join(odd)}")
    _Places(graph, table, ranges).fill()
    for name, layer in layers:
        if table.of(name).weights != weights.FLOAT:
            tracing.replace_module(graph, name, _quantized_layer(layer, table.of(name), ranges))
    graph.recompile()
    return graph


def without_quantizers(graph: fx.GraphModule) -> fx.GraphModule:
    """Return a graph whose layers have plain weights, and rectifiers where they were quantized."""
    for node, module in list(tracing.used_modules(graph)):
        if isinstance(module, qnn.QuantIdentity):
            node.replace_all_uses_with(node.args[0])  # pyright: ignore[reportArgumentType]
            graph.graph.erase_node(node)
        elif isinstance(module, activations.RECTIFYING):
            tracing.replace_module(graph, str(node.target), nn.ReLU())
        elif isinstance(module, QuantWeightMixin):
            tracing.replace_module(graph, str(node.target), _plain_layer(module))
    graph.delete_all_unused_submodules()
    graph.recompile()
    return graph


class _Places:
    """Puts the quantizers of activations into a graph."""

    def __init__(self, graph: fx.GraphModule, table: QuantizerTable, ranges: Ranges):
        self.graph, self.table, self.ranges = graph, table, ranges
        self.quantizers: set[fx.Node] = set()

    def fill(self) -> None:
        """Put every quantizer that the nodes of the graph need."""
        for node in list(self.graph.graph.nodes):
            if self._is(node, tracing.WEIGHTED, *_AVERAGES):
                self._require(_operands(node)[0])
            elif self._is(node, *_PRODUCTS):
                for k in range(len(_operands(node))):
                    self._require(_operands(node)[k])  # the one before may be its quantizer now
            elif self._is(node, *_SUMS) or self._is(node, *_JOINS):
                self._join(node)
            elif node.op == "output":
                self._finish(node)
        self.graph.graph.lint()

    def _is(self, node: fx.Node, *kinds: object) -> bool:
        """Whether a node calls one of the functions, methods (text) or kinds of modules."""
        if node.op == "call_module":
            module = self.graph.get_submodule(str(node.target))
            classes = [k for kind in kinds for k in (kind if isinstance(kind, tuple) else (kind,))]
            return isinstance(module, tuple(k for k in classes if isinstance(k, type)))
        return node.op in ("call_function", "call_method") and node.target in kinds

    def _maker(self, node: fx.Node) -> fx.Node:
        """Return the call that made the integers that a node gives."""
        while node not in self.quantizers and self._is(node, *_KEEPING):
            node = _operands(node)[0]
        return node

    def _require(self, operand: fx.Node) -> None:
        """Have a node's operand quantized."""
        maker = self._maker(operand)
        if maker in self.quantizers or (self._is(maker, *_JOINS) and self._joined(maker)):
            return
        rectified, row = self._rectified(maker), self._row(maker)
        acts = 8 if row.acts is None else row.acts
        if row.joins is not None and self._is(maker, *_AVERAGES):
            acts = row.joins
        self._put_behind(maker, activations.make(acts, rectified, self.ranges))

    def _joined(self, node: fx.Node) -> bool:
        return all(self._maker(n) in self.quantizers for n in _operands(node))

    def _rectified(self, node: fx.Node) -> bool:
        """Whether a call's results are never negative."""
        if self._is(node, *_AVERAGES):
            return self._positive(self._maker(_operands(node)[0]))
        kinds = (nn.ReLU6, nn.Sigmoid, nn.Hardsigmoid, functional.relu6, torch.sigmoid, "sigmoid")
        return self._is(node, *RECTIFIERS, *kinds, functional.hardsigmoid, functional.sigmoid)

    def _put_behind(self, maker: fx.Node, quantizer: nn.Module) -> None:
        """Put a quantizer behind a call, or in place of it if that is a rectifier."""
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
        """Put all operands of a sum or a concatenation through one quantizer."""
        operands = _operands(node)
        if len(operands) < 2:
            return
        makers = {self._maker(n) for n in operands}
        if self._is(node, *_JOINS) and len(makers) == 1:
            self._require(operands[0])  # parts of one tensor are on one grid
            return
        row = self._row(operands[0])
        acts = row.acts if isinstance(row.acts, int) else 4
        quantizer = activations.integers(
            row.joins or max(acts, 4), all(map(self._positive, makers)), self.ranges
        )
        name = self._added(f"{node.name}_quant", quantizer)
        for operand in dict.fromkeys(operands):  # x + x reads one
            with self.graph.graph.inserting_before(node):
                new = self.graph.graph.call_module(name, (operand,))
            node.replace_input_with(operand, new)
            self.quantizers.add(new)

    def _positive(self, maker: fx.Node) -> bool:
        """Whether what a quantizer or a call gives is never negative."""
        if maker in self.quantizers:
            quantizer = self.graph.get_submodule(str(maker.target))
            return isinstance(quantizer, activations.RECTIFYING)
        return self._rectified(maker)

    def _finish(self, node: fx.Node) -> None:
        """Put a quantizer behind the network's result, if the table says so."""
        result = node.args[0]
        if not isinstance(result, fx.Node):
            raise SpecError("the network must give one tensor, not several")
        bits = self._row(result).output
        if bits is not None and self._maker(result) not in self.quantizers:
            self._put_behind(self._maker(result), activations.integers(bits, False, self.ranges))

    def _row(self, node: fx.Node) -> Row:
        """Return the row of the layer whose result reaches a node, or of the input."""
        while node.op != "placeholder" and not self._is(node, tracing.WEIGHTED):
            operands = _operands(node)
            if not operands:
                break
            node = operands[0]
        return self.table.of(INPUT if node.op != "call_module" else str(node.target))

    def _added(self, name: str, module: nn.Module) -> str:
        """Add a module under a name that is free; returns the name."""
        while hasattr(self.graph, name):
            name += "_"
        self.graph.add_submodule(name, module)
        return name


def _operands(node: fx.Node) -> list[fx.Node]:
    """Return what a call reads, by place or by keyword, in lists too; twice what stands twice."""

    def nodes(given: Any) -> list[fx.Node]:
        if isinstance(given, fx.Node):
            return [given]
        each = given.values() if isinstance(given, dict) else given
        return [n for g in each for n in nodes(g)] if isinstance(given, list | tuple | dict) else []

    return nodes([node.args, dict(node.kwargs)])


def _quantized_layer(layer: nn.Module, row: Row, ranges: Ranges) -> nn.Module:
    """Return a Brevitas layer with the weights of a plain one."""
    word = row.weights or "int8"
    name, bits = weights.words.split(word.removeprefix(weights.BLEND), weights.WORDS)
    channel = row.scale == "channel"
    given = (
        of_weights(bits or 8, channel, ranges)
        if name == weights.INTEGER
        else weights.arguments(word, channel)
    )
    new = _same_layer(layer, _KINDS[type(layer)], given)  # pyright: ignore[reportArgumentType]
    proxy = new.weight_quant
    if isinstance(proxy.tensor_quant, weights.Fitted):
        proxy.tensor_quant.begin(new.weight)
    if word.startswith(weights.BLEND):
        proxy.tensor_quant = Blend(proxy.tensor_quant)
    if not weights.has_zeros(word) and not bool((new.weight != 0).all()):
        proxy.tensor_quant = Pruned(proxy.tensor_quant, new.weight)
        proxy.tensor_quant.mask.copy_(new.weight != 0)
    return new


def _plain_layer(layer: nn.Module) -> nn.Module:
    kind = next(plain for plain, kind in _KINDS.items() if isinstance(layer, kind))
    new = _same_layer(layer, kind, {})
    for part in layer.modules():
        if isinstance(part, weights.Fitted):
            with torch.no_grad():
                new.weight.copy_(part.latent(new.weight))
    return new


def _same_layer(layer: Any, kind: Callable[..., Any], given: Mapping[str, object]) -> Any:
    """Return a layer of another kind with the same shape, weights and bias."""
    names = _LINEAR if isinstance(layer, nn.Linear) else _CONVOLUTION
    if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d):
        names += ("output_padding",)
    shape = {name: getattr(layer, name) for name in names}
    new = kind(**shape, bias=layer.bias is not None, **given)
    with torch.no_grad():
        new.weight.copy_(layer.weight)
        if layer.bias is not None:
            new.bias.copy_(layer.bias)
    return new.train(layer.training)


def quantizing_layers(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield ``(name, layer)`` of each layer whose weights are quantized."""
    for name, each in tracing.weighted_layers(module):
        layer: Any = each
        if isinstance(layer, QuantWeightMixin) and layer.weight_quant.is_quant_enabled:  # pyright: ignore[reportAttributeAccessIssue]
            yield name, layer


def is_quantized(module: nn.Module) -> bool:
    """Whether every layer with weights has a quantizer of them."""
    layers = tracing.weighted_names(module)
    return bool(layers) and len(layers) == sum(1 for _ in quantizing_layers(module))
