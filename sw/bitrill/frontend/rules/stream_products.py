"""Rules for products of two tensors that depend on the input.

Each operand means ``scale * integer + offset``, which is ``scale * (integer + zero)``: the product
of the integers, moved by their zeros, has the product of the scales. A zero that is no integer, or
not the same on all channels, goes into a table of the operand's integers on a finer grid.
"""

from dataclasses import replace
from fractions import Fraction
from math import lcm
from operator import mul

import numpy as np

from ...exact import Real
from ...ir import WIDEST, IntType
from ...ops import Mul
from ...ops.lookup import ADDRESS_BITS
from ...passes.thresholding import MAX_ENTRIES
from ...real import Affine, Channels, at, compact, zip_channels
from ..reader import limits
from ..symbolic import Call, Data, RefusedError, brief, is_constant
from .broadcasts import alike

Factor = tuple[str, int, Channels]
"""An edge, the integer to be added to its integers, and the scale of these sums."""


def multiply(call: Call) -> Data:
    """Import Mul of two edges; an axis of size 1 is repeated, as a gate's for all pixels."""
    (a, first), (b, second) = alike(call, call.branch(0), call.branch(1))
    if is_constant(first) or is_constant(second):
        data, meaning, constant = (a, first, second) if is_constant(second) else (b, second, first)
        return replace(data, steps=(meaning.then(Affine(constant.offset)),))
    (one, p, s), (other, q, t) = factor(call, a, first), factor(call, b, second)
    check_product(call, (one, p), (other, q))
    node = call.emit(Mul, one, other, share=True, offsets=(p, q))
    data = replace(a, steps=(), deferred=None)
    scale = Affine(zip_channels(mul, s, t))
    return data.behind(node, scale, quantized=a.quantized and b.quantized)


def check_product(call: Call, *factors: tuple[str, int], terms: int = 1) -> None:
    """Refuse a sum of so many products that is wider than integers on an edge may be."""
    largest = terms
    for edge, zero in factors:
        t = call.builder.edges[edge].type
        largest *= max(abs(t.lo + zero), abs(t.hi + zero))
    if (bits := IntType.for_range(lo=-largest, hi=largest).bits) > WIDEST:
        raise RefusedError(
            f"its products must fit {WIDEST} bits, not {bits}; quantize its operands first"
        )


def factor(call: Call, data: Data, meaning: Affine) -> Factor:
    """Return an operand as an edge, a zero, and scales: ``scale * (integer + zero)``."""
    meaning = Affine(compact(meaning.scale), compact(meaning.offset))
    zeros = [_zero(meaning, c) for c in range(meaning.n_channels)]
    if len({*zeros}) == 1 and zeros[0].denominator == 1:
        return data.edge, int(zeros[0]), meaning.scale
    denominator = lcm(*(z.denominator for z in zeros))
    values = call.builder.edges[data.edge].type.values()
    if len(values) > 1 << ADDRESS_BITS or len(values) * len(zeros) > MAX_ENTRIES:
        raise RefusedError(
            f"the real 0 of an operand of more than {ADDRESS_BITS} bits must be one integer of its"
            f" grid on all channels, not {brief(-zeros[0])}; quantize it first"
        )
    moved = [z * denominator for z in zeros]
    largest = max(abs(m) for m in moved) + denominator * int(np.abs(values).max())
    if largest >= 1 << limits.ACTIVATION_BITS:
        raise RefusedError(
            f"the real 0 of its operands must lie on a grid of at most {limits.ACTIVATION_BITS}"
            f" bits, not at {brief(-zeros[0])} of {brief(at(meaning.scale, 0))} * integer"
        )
    table = np.array([denominator * values + int(m) for m in moved])
    edge = call.builder.table(data.edge, table, call.node)
    return edge, 0, compact([s / denominator for s in meaning.scale])


def _zero(meaning: Affine, channel: int) -> Fraction:
    """Return what is added to the integers of one channel to give multiples of its scale."""
    zero: Real = at(meaning.offset, channel) / at(meaning.scale, channel)
    if not isinstance(zero, Fraction):
        raise RefusedError("the real 0 of its operands must be a rational place of their grids")
    return zero
