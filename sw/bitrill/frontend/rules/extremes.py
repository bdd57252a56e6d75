"""Rules for Max and Min of data and constants.

Words: ``docs/glossary.md``, "Importing" (edge, grid, meaning, step, deferred).
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, reduce
from math import prod
from typing import cast

import numpy as np

from ...exact import Real, sign
from ...ir import Function, Quantizer
from ...ops import Concat, Convert, Lookup, MaxPool
from ...passes.ranking import ascending
from ...real import Affine, Clip, chain, zip_channels
from ..reader import limits
from ..reader.model import Node
from ..symbolic import (
    Call,
    Const,
    Data,
    Deferred,
    GraphBuilder,
    Known,
    RefusedError,
    as_objects,
    brief,
    per_channel,
)
from .addition import RATIO_BITS, small_ratio
from .broadcasts import alike, check_one_shape
from .layouts import either
from .table import rule


@rule("Max", inputs=(1, limits.NODE_ITEMS), layout="same", integers="kept")
@rule("Min", inputs=(1, limits.NODE_ITEMS), layout="same", integers="kept")
def extreme(call: Call) -> Known:
    """Return the greatest or least of data and constants, or of only constants."""
    check_one_shape(call)
    data = [v for v in call.values if isinstance(v, Data)]
    if not data:
        return _extreme_constant(call)
    out = cast("Data", _of_branches(Call(call.builder, call.node, [*data])))
    for i, value in enumerate(call.values):
        if not isinstance(value, Data):
            bounds = per_channel(call.exact(i, "its bound", like="data"), out, what="its bound")
            out = _bounded(call, out, bounds)
    return out


@either
def _of_branches(call: Call) -> Known:
    """Return the extreme of one or more branches."""
    if len(call.values) == 1:
        return call.value(0)
    branches = [call.branch(i) for i in range(len(call.values))]
    for _ in range(2):  # the first branches get the shape of the last ones in the second round
        for k in range(1, len(branches)):
            branches[k - 1], branches[k] = alike(call, branches[k - 1], branches[k])
    if any(x.frame != branches[-1][0].frame for x, _ in branches):
        raise RefusedError("its branches must have the same shape; repeat them before it")
    data = tuple(replace(x, steps=(meaning,)) for x, meaning in branches)
    waiting = Extreme(call.builder, data, call.node)
    out = replace(data[0], steps=(), quantized=all(x.quantized for x in data), deferred=waiting)
    return out if waiting.grid is None else waiting.settle(out)


@dataclass(frozen=True, eq=False)
class Extreme(Deferred):
    """The greatest or least of branches of the same shape, deferred to the next quantizer.

    If their scales and offsets have a common grid, integers on it are compared. Otherwise the
    quantizer is applied to each branch, and its results are compared, which is equivalent.
    """

    builder: GraphBuilder
    branches: tuple[Data, ...]
    node: Node

    @cached_property
    def meanings(self) -> tuple[Affine, ...]:
        """Scale and offset of the integers of each branch."""
        return tuple(x.meaning("its data") for x in self.branches)

    @cached_property
    def grid(self) -> tuple[tuple[int, ...], Affine] | None:
        """A multiplier for each branch, and the common scale and offset; None if there are none."""
        first = self.meanings[0]
        gains = small_ratio(*(m.scale for m in self.meanings))
        if gains is None or any(m.offset != first.offset for m in self.meanings):
            return None
        unit = zip_channels(lambda s: s / gains[0], first.scale)
        signs = {sign(u) for u in unit}
        if len(signs) > 1:
            return None
        turn = 1 if (self.node.op == "Max") is (signs == {1}) else -1  # 1: the greatest is selected
        return tuple(turn * g for g in gains), Affine(tuple(turn * u for u in unit), first.offset)

    def settle(self, data: Data) -> Data:
        if self.grid is None:
            scales = " and ".join(brief(m.scale[0]) for m in self.meanings)
            raise RefusedError(
                f"the branches of {self.node} must lie on one grid if no quantizer follows, and"
                f" the ratio of their scales {scales} has more than {RATIO_BITS} bits, or their"
                " offsets differ; give them one quantizer, or put one after it"
            )
        gains, meaning = self.grid
        edge = self._greatest([x.edge for x in self.branches], gains)
        return replace(
            data,
            edge=edge,
            type=self.builder.edges[edge].type,
            steps=chain((meaning,), data.steps),
            deferred=None,
        )

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        function = Function(data.steps, quantizer)
        if not function.is_monotone:
            return self.builder.quantize(self.settle(data), quantizer, node)
        n = max(function.n_channels, *(m.n_channels for m in self.meanings))
        least = [(self.node.op == "Min") is not self._falls(function, c) for c in range(n)]
        edges = []
        for x in self.branches:
            inner = replace(x, steps=chain(x.steps, data.steps))
            edges.append(self.builder.quantize(inner, quantizer, node))
        gains, out = (1,) * len(edges), quantizer.type
        if out.coding.binary and not any(least):
            return self._greatest(edges, gains)
        # indices in the order of the values; from the other end for the least
        least = least if len({*least}) > 1 else least[:1]
        self.builder.work.spend(len(least) * out.n_values)
        ranks = np.array([np.arange(out.n_values)[:: -1 if turned else 1] for turned in least])
        edges = [self.builder.table(e, ranks, self.node) for e in edges]
        edge = self._greatest(edges, gains)
        table = out.values()[ranks]
        return self.builder.emit(Lookup, self.node, edge, part=True, table=table, out=out).name

    def _falls(self, function: Function, channel: int) -> bool:
        """Return whether the greatest number of all branches becomes the lowest integer."""
        ends = [
            m(Fraction(e), channel)
            for x, m in zip(self.branches, self.meanings, strict=True)
            for e in (self.builder.edges[x.edge].type.lo, self.builder.edges[x.edge].type.hi)
        ]
        order = ascending(ends)
        return function(ends[order[0]], channel) > function(ends[order[-1]], channel)

    def _greatest(self, edges: list[str], gains: tuple[int, ...]) -> str:
        """Return the greatest of edges: the maximum over the columns of a map, one row a place."""
        emit, shape = self.builder.emit, self.builder.edges[edges[0]].shape
        channels = shape[-1]
        joined = emit(Concat, self.node, *edges, part=True, share=True, gains=gains).name
        rows = (prod(shape) // channels, len(edges), channels)
        edge = emit(Convert, self.node, joined, part=True, share=True, shape=rows).name
        window = (1, len(edges))
        edge = emit(MaxPool, self.node, edge, share=True, kernel=window, stride=window).name
        return emit(Convert, self.node, edge, part=True, share=True, shape=shape).name


def _bounded(call: Call, x: Data, bounds: tuple[Real, ...]) -> Data:
    """Return ``x`` clipped to one bound, or to one for each channel (which is shifted to 0)."""
    low = call.node.op == "Max"
    bound = bounds[0]
    if len(bounds) == 1 and isinstance(bound, Fraction):
        return call.then(x, Clip(bound, None) if low else Clip(None, bound))
    zero = Clip(Fraction(0), None) if low else Clip(None, Fraction(0))
    away = tuple(-b for b in bounds)
    return call.then(x, Affine(offset=away), zero, Affine(offset=bounds))


def _extreme_constant(call: Call) -> Known:
    """Compare constants: int64 as ONNX does, everything else exactly."""
    whole = all(isinstance(v, Const) and v.array.dtype == np.int64 for v in call.values)
    kind = "any" if whole else "floats"
    arrays = [call.exact(i, "its operand", like=kind) for i in range(len(call.values))]
    try:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        shapes = " and ".join(str(list(a.shape)) for a in arrays)
        raise RefusedError(f"its operands must have shapes that fit, not {shapes}") from None
    call.builder.work.spend(int(np.prod(shape, dtype=object)))
    choose = np.maximum if call.node.op == "Max" else np.minimum
    out = as_objects(reduce(choose, arrays), shape)
    if out.shape != shape:
        out = np.broadcast_to(out, shape)
    return Const(out.astype(np.int64) if whole else out)
