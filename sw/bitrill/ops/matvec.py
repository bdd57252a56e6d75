"""The operator `MatVec`: matrix times vector; dense layers, and behind a `Window` convolutions."""

from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np

from ..arith.accumulate import sum_plan
from ..arith.bitserial import total_range
from ..errors import SpecError
from ..ir import USED_ONLY, IntType, Ranges, Table, Tensor, freeze, frozen_array, product_ranges
from .units import unit_styles, unit_ways
from .units.matrix import Matrix
from .units.writable_tables import free_type, starts_table, type_note

_PACKED_WEIGHTS = 1 << 19
_PACKED_VECTORS = 8
"""Most vectors for which a large binary matrix is multiplied as packed bits, not by BLAS."""


WEIGHT_BITS = 32
"""Bits of the widest weights; sums of as many as memory holds fit 64 bits."""

STYLES = unit_styles()
"""Styles that a matrix can be built in."""


def _pack(values: np.ndarray) -> np.ndarray:
    """Return +-1 along the innermost axis as uint64 words, the last one filled with zero bits."""
    bits = np.packbits(values > 0, axis=-1)
    words = np.zeros((*bits.shape[:-1], -(-bits.shape[-1] // 8) * 8), np.uint8)
    words[..., : bits.shape[-1]] = bits
    return words.view(np.uint64)


def check_weights(name: str, weights: np.ndarray, type: IntType) -> None:
    """Raise `SpecError` that names the first of ``weights`` that is no value of ``type``."""
    if not type.coding.for_weights:
        raise SpecError(
            f"{name}: the type of weights must not be {type}, which activations alone have"
        )
    if (bits := IntType.for_range(lo=type.lo, hi=type.hi).bits) > WEIGHT_BITS:
        raise SpecError(f"{name}: weights must have at most {WEIGHT_BITS} bits, not {bits}")
    if type.holds(weights):
        return
    row, column = np.argwhere(type.outside(weights))[0].tolist()
    raise SpecError(
        f"{name}: weights must be values of {type}, not {weights[row, column]}"
        f" (row {row}, column {column})"
    )


def alternating(n: int) -> np.ndarray:
    """Return -1, +1, -1, ..: the weights of ``n`` columns outside a border."""
    return np.arange(n) % 2 * 2 - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class MatVec(Matrix):
    """``y = gain * (w @ x) + offset`` over the innermost axis, in the integers that adders count.

    - integer x:                 ``y = w @ x``
    - bipolar x, integer w:      ``y = w @ b`` with bits ``b = (x + 1) / 2``
    - bipolar x, bipolar w:      ``y = (w @ x + cols) / 2``, the places where w and x agree
      (XNOR-popcount; Courbariaux et al. 2016, Umuroglu et al. 2017)

    ``weights``: int64 ``[rows, cols]``, values of ``weight_type`` (+-1 when bipolar).
    x: ``[.., cols]``; y: ``[.., rows]``, with the range that these weights can reach. If ``cols``
    is the number of all elements of an x of several axes, x is taken as one vector, in the order of
    the stream, and y is ``[rows]``.

    ``inside`` (XNOR-popcount behind zero padding): which taps of each window lie inside the feature
    map, bool ``[places, taps]`` for each axis of space; a tap is inside if it is so on all axes.
    Outside, the weights are -1 and +1 in turn, column by column. A tap has an even number of
    channels, all -1 there, so half of them agree with the weights: they count 0 in ``w @ x``, for
    every row. So zero padding is a border of -1 in one bit, and gain, offset and thresholds stay
    constants.

    Style ``folded``: ``simd`` columns a step, ``pe`` rows at once; a vector takes
    ``(rows/pe)*(cols/simd)`` steps, one a cycle. Beat ``k`` of the output holds rows
    ``k*pe .. k*pe+pe-1``; it is taken ``latency`` cycles after its last step at the earliest.
    If the neuron fold is above 1, beats wait in a replay buffer of two vectors, so the next vector
    is taken in while the present one is replayed.

    Style ``sparse`` (`bitrill.ops.units.sparse`): folded, with steps only over the columns that
    hold a weight other than 0 for the ``pe`` rows at hand; a vector takes at least its beats.

    Style ``unrolled``: the weights are in the logic, a vector is a beat, and there is a beat a
    cycle, with ``latency`` stages (see `bitrill.arith.unrolled_plan`); ``pe`` and ``simd`` are all
    rows and all columns.

    ``free``: the weights may become any of ``weight_type``, and ``weights`` are the first ones; y
    has the range that all of them can reach. Style ``runtime`` needs free weights; it is folded,
    with a memory that can be written (see `bitrill.runtime.register_map`). Style ``streamed`` needs
    them, too; it takes the word of each step from a second stream, ``in1``, through a FIFO of two
    words.

    ``spans``: lowest and highest value of each column's x, where some have less than x's type; only
    unrolled matrices are built to them.

    ``reach``: integers that y's type holds besides, those of an earlier network of the same
    structure (`bitrill.folding.likeness`).

    Multiply ``serial`` (`bitrill.arith.bitserial`): a step is one plane of w and one of x, so there
    are ``w.bits * x.bits`` times the steps, always through the replay buffer. Multiply ``dsp``
    (`bitrill.arith.dsp_packing`): a DSP slice has the products of several rows; the steps are those
    of ``folded``.
    """

    kind = "matvec"
    additive = True
    takes_codes = True

    styles = STYLES
    ways = unit_ways()
    can_be_free = True

    weight_type: IntType
    inside: tuple[np.ndarray, ...] | None = None
    free: bool = False
    reach: IntType | None = field(default=None, metadata=USED_ONLY)
    spans: tuple[tuple[int, int], ...] = field(default=(), metadata=USED_ONLY)

    def validate(self) -> None:
        freeze(self, "weights", ndim=2)
        if self.cols not in (self.x.channels, self.x.size):
            raise SpecError(
                f"{self.name}: weights must have {self.x.channels} columns, not {self.cols}"
            )
        check_weights(self.name, self.weights, self.weight_type)
        if self.inside is not None:
            self._validate_inside(self.inside)
        t = self.x.type
        if self.spans and (
            len(self.spans) != self.cols
            or not t.coding.binary
            or any(not t.lo <= lo <= hi <= t.hi for lo, hi in self.spans)
        ):
            raise SpecError(f"{self.name}: spans must be {self.cols} parts of {t}")

    def on(self, operands: tuple[Tensor, ...]) -> "MatVec":
        """Return it for operands of other types that hold the same values, its spans with them."""
        t = operands[0].type
        spans = tuple((max(lo, t.lo), min(hi, t.hi)) for lo, hi in self.spans)
        return self.replace(operands=operands, spans=spans)

    def _validate_inside(self, inside: tuple[np.ndarray, ...]) -> None:
        kept = tuple(
            frozen_array(a, name=f"{self.name}: inside", ndim=2, dtype=bool) for a in inside
        )
        object.__setattr__(self, "inside", kept)
        places, taps = tuple(len(a) for a in kept), prod(a.shape[1] for a in kept)
        if self.free:
            raise SpecError(f"{self.name}: weights behind a border must be constants, not free")
        if not self.popcount:
            raise SpecError(f"{self.name}: inside must stand beside bipolar x and weights alone")
        if places != self.x.shape[:-1] or self.cols != self.x.channels or not kept:
            raise SpecError(
                f"{self.name}: inside must have the places {self.x.shape[:-1]}, not {places}"
            )
        if self.cols % (2 * taps):
            raise SpecError(
                f"{self.name}: a tap must have an even number of columns,"
                f" not {self.cols} / {taps} of them"
            )
        if all(a.all() for a in kept):
            raise SpecError(f"{self.name}: some tap must lie outside, or inside be None")

    @property
    def popcount(self) -> bool:
        """Whether this is XNOR-popcount: bipolar on both sides."""
        return self.x.type.coding.is_bipolar and self.weight_type.coding.is_bipolar

    @cached_property
    def dot_gain(self) -> int:
        """Factor in ``w @ x = dot_gain * y + dot_offset``."""
        return self.x.type.coding.gain

    @cached_property
    def dot_offset(self) -> np.ndarray:
        """Offset of each row, int64: see `dot_gain`."""
        if self.popcount:
            return np.full(self.rows, -self.cols)
        return self.x.type.coding.offset * self.weights.sum(1)

    @property
    def accumulator(self) -> IntType:
        return self._range

    @cached_property
    def _range(self) -> IntType:
        if self.popcount:
            return IntType.for_range(lo=0, hi=self.cols)
        lo, hi = self.x.type.coding.operand
        if self.free:
            ends = [w * x for w in (self.weight_type.lo, self.weight_type.hi) for x in (lo, hi)]
            return IntType.for_range(lo=self.cols * min(ends), hi=self.cols * max(ends))
        if self.spans:
            least, most = int(self.row_ranges.lo.min()), int(self.row_ranges.hi.max())
        else:
            pos = np.where(self.weights > 0, self.weights, 0).sum(1).astype(object)
            neg = np.where(self.weights < 0, self.weights, 0).sum(1).astype(object)
            least, most = int((pos * lo + neg * hi).min()), int((pos * hi + neg * lo).max())
        if self.reach is not None:
            least, most = min(least, self.reach.lo), max(most, self.reach.hi)
        return IntType.for_range(lo=least, hi=most)

    def ranges(self, *xs: Ranges) -> tuple[Ranges, ...]:
        if self.free or self.inside is not None:
            return (Ranges.of(self.y),)
        places = self.cols // len(xs[0].lo)
        return (self._rows_within(np.tile(xs[0].lo, places), np.tile(xs[0].hi, places)),)

    @property
    def row_ranges(self) -> Ranges:
        """Lowest and highest result of each row."""
        t = self.x.type
        lo, hi = np.array(self.spans or ((t.lo, t.hi),) * self.cols).T
        return self._rows_within(lo, hi)

    def _rows_within(self, lo: np.ndarray, hi: np.ndarray) -> Ranges:
        dots = product_ranges(self.weights, lo, hi)
        return dots.less(self.dot_offset, self.dot_gain)

    @cached_property
    def _dense(self) -> tuple[np.ndarray, np.ndarray | None]:
        """``(w.T * 1/gain, offset)`` in the narrowest dtype that makes BLAS exact, else int64."""
        x_max = max(abs(self.x.type.lo), abs(self.x.type.hi))
        bound = int(np.abs(self.weights).sum(1).max()) * x_max * 4
        bias = -self.dot_offset
        for dtype, limit in ((np.float32, 1 << 24), (np.float64, 1 << 53)):
            if bound < limit:
                w = np.ascontiguousarray(self.weights.T.astype(dtype) / dtype(self.dot_gain))
                return w, (bias / self.dot_gain).astype(dtype) if bias.any() else None
        return np.ascontiguousarray(self.weights.T), bias if bias.any() else None

    @cached_property
    def _outside(self) -> tuple[np.ndarray, np.ndarray]:
        """Two int8 arrays ``[*places, cols]``: 1 inside, else 0; and weights outside, else 0."""
        first, *rest = self.inside or (np.ones((1, 1), bool),)
        for axis in rest:
            both = first[..., None, :, None] & axis[:, None, :]
            first = both.reshape(*both.shape[:-2], -1)
        mask = first.repeat(self.cols // first.shape[-1], axis=-1)
        return mask.astype(np.int8), np.where(mask, 0, alternating(self.cols)).astype(np.int8)

    @cached_property
    def _packed(self) -> np.ndarray:
        return _pack(self.weights)

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        x = xs[0].reshape(len(xs[0]), *self.y.shape[:-1], self.cols)
        vectors = x.size // self.cols
        few = self.weights.size >= _PACKED_WEIGHTS and vectors <= _PACKED_VECTORS
        if self.popcount and few and self.inside is None:
            differ = np.bitwise_count(_pack(x)[..., None, :] ^ self._packed)
            return self.cols - differ.sum(-1, dtype=np.int64)
        w, bias = self._dense
        x = x.astype(w.dtype, copy=False)
        if self.inside is None:
            y = x @ w
        else:
            mask, outside = self._outside
            y = (x * mask) @ w
            y += (x * outside).sum(-1, keepdims=True) / self.dot_gain
        if bias is not None:
            y += bias
        return y if w.dtype.kind == "f" or self.dot_gain == 1 else y // self.dot_gain

    @property
    def serial_range(self) -> IntType:
        """The integers that hold every state of the accumulator of a bit-serial unit."""
        return self._serial_range

    @cached_property
    def _serial_range(self) -> IntType:
        return total_range(self)

    def freed(self) -> "MatVec":
        if self.free or self.inside is not None:
            return self
        return self.replace(free=True, weight_type=free_type(self.weight_type))

    def tables(self) -> dict[str, Table]:
        """Weights, and the values that the rows' sums start from, if there are any.

        If three lanes share a parity (`bitrill.arith.products`), the third one stores the parity of
        the three.
        """
        pe, simd, plan = self.folded.pe, self.folded.simd, sum_plan(self)
        words = self.weight_words().astype(np.uint8)
        axes = {"lane": simd, "plane": words.shape[1] // simd // pe, "row": pe}
        notes = {
            "type": type_note(self.weight_type),
            "passes": self.neuron_fold,
            "beats": self.synapse_fold,
            "parities": plan.products.triples,
        }
        weights = Table(words, axes, notes, memory=self.folded.memory)
        return {"weights": weights} | (starts_table(self.start_words(), pe) if plan.start else {})

    def stream_words(self) -> np.ndarray:
        """Words that a streamed unit takes for each vector, as bits ``[steps, bits]``.

        A word has the weights, and above them the values that its rows' sums start from.
        """
        parts = [table.bits for table in self.tables().values()]
        parts[1:] = [bits.repeat(self.synapse_fold, axis=0) for bits in parts[1:]]
        return np.concatenate(parts, axis=1)
