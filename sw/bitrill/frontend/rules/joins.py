"""Rules for Concat, Split and Slice along the channels.

If a quantizer follows, concatenated channels keep their own scales. Otherwise they are brought to
one scale by multipliers of at most 8 bits, if there are such.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import accumulate, pairwise

import numpy as np

from ...exact import Real, common_denominator, sign
from ...ir import Quantizer
from ...ops import Concat, Convert, Split
from ...real import Affine, at, compact
from ..reader import limits
from ..reader.model import Node
from ..symbolic import (
    Call,
    Data,
    Deferred,
    GraphBuilder,
    Known,
    RefusedError,
    is_constant,
    multiplied,
    rank_of,
)
from .addition import RATIO_BITS
from .crops import gathered, sliced
from .layouts import either
from .table import rule, since, until


def concat(call: Call) -> Known:
    """Concatenate edges along the channels."""
    axis = call.int_attribute("axis", 0)
    if axis in (1, -rank_of(call.value(0)) + 1):
        whole = gathered([call.value(i) for i in range(len(call.values))], 1)
        if whole is not None:
            return whole
    branches = _branches(call)
    rank = len(branches[0][0].shape) + 1
    if axis not in (1, 1 - rank):
        raise RefusedError(f"its axis must be 1, the channels, not {axis}")
    if len({d.frame[:-1] for d, _ in branches}) > 1 and rank in (3, 4):
        data = [d if d.is_image else call.arranged(d) for d, _ in branches]
        branches = [(d, d.meaning("its data")) for d in data]
    _require_alike([d for d, _ in branches])
    return branches[0][0] if len(branches) == 1 else _joined(call, branches)


def _require_alike(data: Sequence[Data]) -> None:
    """Raise `RefusedError` unless operands differ only in the number of their channels."""
    if any(
        d.shape[0] != d.channels
        or d.shape[1:] != data[0].shape[1:]
        or d.frame[:-1] != data[0].frame[:-1]
        for d in data
    ):
        shapes = " and ".join(str(["batch", *d.shape]) for d in data)
        raise RefusedError(
            f"its branches must have the same shape except for their channels, not {shapes}"
        )


def _joined(call: Call, branches: Sequence[tuple[Data, Affine]]) -> Data:
    """Return the concatenation of several edges, deferred until its quantizer is known."""
    data = [d for d, _ in branches]
    channels = sum(d.channels for d in data)
    if channels > limits.CHANNELS:
        raise RefusedError(
            f"its result must have at most {limits.CHANNELS} channels, not {channels}"
        )
    joined = DeferredJoin(
        call.builder,
        tuple(d.edge for d in data),
        tuple(m for _, m in branches),
        tuple(d.channels for d in data),
        all(d.quantized for d in data),
        call.node,
    )
    side = replace(
        data[0],
        shape=(channels, *data[0].shape[1:]),
        frame=(*data[0].frame[:-1], channels),
        steps=(),
        quantized=joined.quantized,
        order=None,
        deferred=joined,
    )
    starts = [0, *accumulate(d.size for d in data[:-1])]
    own = [np.arange(d.size) if d.order is None else d.order for d in data]
    order = [places + s for places, s in zip(own, starts, strict=True)]
    return side if side.is_image else side.reordered(np.concatenate(order), side.shape)


def _branches(call: Call) -> list[tuple[Data, Affine]]:
    """Return the operands as edges; flattened maps become vectors in the order of the model."""
    if any(len(call.data(i).shape) != 1 for i in range(len(call.values))):
        return [call.branch(i) for i in range(len(call.values))]
    out = []
    for i in range(len(call.values)):
        x = call.clipped(call.edge(i))
        meaning = x.meaning(f"its operand {i}", "; quantize each branch")
        if len(x.frame) > 1:
            made = call.emit(Convert, x.edge, part=True, share=True, shape=(x.size,))
            meaning = meaning.pick([e % x.channels for e in range(x.size)])
            flat = replace(x, edge=made.name, frame=made.y.shape, steps=(meaning,), order=None)
            x = flat.reordered(x.stream, x.shape)
        out.append((x, meaning))
    return out


@dataclass(frozen=True, eq=False)
class DeferredJoin(Deferred):
    """Joined channels of several edges, deferred to a quantizer, which can use their scales."""

    builder: GraphBuilder
    edges: tuple[str, ...]
    meanings: tuple[Affine, ...]
    channels: tuple[int, ...]
    quantized: bool
    node: Node

    @property
    def is_uniform(self) -> bool:
        """Whether all branches have the same scale and offset."""
        return len({*self.meanings}) == 1

    def _emit(self, data: Data, gains: tuple[int, ...]) -> Data:
        made = self.builder.emit(Concat, self.node, *self.edges, share=True, gains=gains)
        self.builder.joints[made.name] = self.node
        scale: list[Real] = []
        offset: list[Real] = []
        for m, n, gain in zip(self.meanings, self.channels, gains, strict=True):
            scale += [at(m.scale, c) / gain for c in range(n)]
            offset += [at(m.offset, c) for c in range(n)]
        meaning = Affine(compact(scale), compact(offset))
        return data.behind(made, meaning, quantized=self.quantized)

    def settle(self, data: Data) -> Data:
        joined = self._living()
        return joined._emit(data, joined._common() or (1,) * len(self.edges))

    def _living(self) -> "DeferredJoin":
        """Return it with the scale of another branch for branches whose only scale is 0."""
        dead = [is_constant(m) for m in self.meanings]
        if all(dead) or not any(dead):
            return self
        scale = self.meanings[dead.index(False)].scale[:1]
        edges, meanings = list(self.edges), list(self.meanings)
        for j in (j for j, d in enumerate(dead) if d):
            zeros = [0] * self.channels[j]
            edges[j] = multiplied(self.builder, edges[j], zeros, self.node)
            meanings[j] = Affine(scale, meanings[j].offset)
        return replace(self, edges=tuple(edges), meanings=tuple(meanings))

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        inner = self._emit(data, (1,) * len(self.edges))
        return self.builder.quantize(inner, quantizer, node)

    def _common(self) -> tuple[int, ...] | None:
        """Return multipliers of at most `RATIO_BITS` bits that lead to one scale, or None."""
        scales = [compact(list(m.scale)) for m in self.meanings]
        if not sign(scales[0][0]):
            return None  # all are constant
        ratios = [s[0] / scales[0][0] for s in scales if len(s) == 1]
        if len(ratios) < len(scales) or not all(isinstance(r, Fraction) for r in ratios):
            return None
        exact_ratios = [r for r in ratios if isinstance(r, Fraction)]
        common = common_denominator(exact_ratios)
        gains = [int(r * common) for r in exact_ratios]
        shared = int(np.gcd.reduce(gains)) if max(map(abs, gains)) < 1 << 62 else 1
        gains = [g // shared for g in gains]
        return tuple(gains) if max(map(abs, gains)) < 1 << RATIO_BITS else None


@rule(
    "Split",
    inputs={1: 1, 13: (1, 2)},
    outputs="all",
    layout="spatial",
    integers="kept",
    axis=int,
    split=until(12, tuple),
    num_outputs=since(18, int),
)
@partial(either, sizes_input=1)
def split(call: Call) -> tuple[Known, ...]:
    """Split along the channels; the sizes are an attribute, an input, or equal."""
    x, meaning = call.branch(0)
    axis = call.int_attribute("axis", 0)
    if axis not in (1, -len(x.shape)) or x.shape[0] != x.channels:
        raise RefusedError(f"its axis must be 1, the channels, not {axis}")
    sizes = split_sizes(call, x.channels)
    n = len(sizes)
    if n == 1:
        return (x,)
    node = call.emit(Split, x.edge, share=True, sizes=tuple(sizes))
    return tuple(_part(call, x, meaning, node, k) for k in range(n))


def split_sizes(call: Call, total: int) -> list[int]:
    """Return the sizes of the parts of a Split: an attribute, an input, or equal sizes."""
    n = len(call.node.outputs)
    if call.int_attribute("num_outputs", n) != n:
        raise RefusedError(f"its num_outputs must be the number of its outputs, {n}")
    sizes = list(call.list_attribute("split"))
    if call.has(1):
        sizes = call.integer_list(1, "its sizes")
    if not call.has(1) and "split" not in call.attributes:
        if total % n and call.opset < 18:
            raise RefusedError(
                f"the size of its axis, {total}, must be a multiple of its {n} outputs, or their"
                " sizes given"
            )
        part = -(-total // n)
        sizes = [part] * (n - 1) + [total - part * (n - 1)]
    if len(sizes) != n or min(sizes) < 1 or sum(sizes) != total:
        raise RefusedError(
            f"its {n} sizes must be at least 1 each and {total} together, not {sizes[:8]}"
        )
    return sizes


def slice_of(call: Call, first: int, end: int) -> Known:
    """Take channels ``first .. end - 1``: a part of a Split, which other slices can share."""
    x, meaning = call.branch(0)
    if x.shape[0] != x.channels:
        raise RefusedError("data must be sliced along their channels; flatten them afterwards")
    if first >= end:
        raise RefusedError(f"it must select at least one channel, not {first} to {end}")
    if (first, end) == (0, x.channels):
        return x
    node = call.builder.splits.get(x.edge)
    if node is None:
        cuts = sorted({0, first, end, x.channels})
        sizes = tuple(b - a for a, b in pairwise(cuts))
        node = call.emit(Split, x.edge, share=True, sizes=sizes)
        call.builder.splits[x.edge] = node
    starts = [0, *accumulate(node.sizes)]
    if first not in starts or starts[(k := starts.index(first)) + 1] != end:
        return sliced(call, x, [range(first, end), *map(range, x.shape[1:])])
    return _part(call, x, meaning, node, k)


def _part(call: Call, x: Data, meaning: Affine, node: Split, k: int) -> Data:
    first = sum(node.sizes[:k])
    part = meaning.pick(range(first, first + node.sizes[k]))
    out = call.result(node, part, k=k, quantized=x.quantized)
    return replace(out, shape=(node.sizes[k], *x.shape[1:]))
