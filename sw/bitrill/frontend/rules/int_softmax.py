"""The rule of `IntSoftmax`: exponentials by a table, and one exact division for each number.

Behind scores x the hardware has, for each row along the last axis: its maximum, ``d = max - x``, a
table of ``round(exp(-s * d) * largest)``, the sum of these, and the share that each has in the sum.
"""

from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from ...exact import sign
from ...functions import Elementary
from ...ir import Function, IntType, Quantizer
from ...ops import Add, Convert, Divide, MaxPool, SumPool, Upsample
from ...ops.lookup import ADDRESS_BITS
from ...real import Affine, at
from ...steps import Step
from ..reader.local_functions import DOMAIN, INT_SOFTMAX
from ..symbolic import Call, Data, RefusedError
from .table import rule

EXPONENT_BITS, SHARE_BITS = 16, 16
"""Largest numbers of bits of an exponential and of a share; together at most `EXACT`."""

EXACT = 24
"""Bits of a numerator that float32 holds, so that other runtimes give the same."""


@rule(
    "IntSoftmax",
    domain=DOMAIN,
    inputs=1,
    layout="same",
    quantizer=True,
    body=INT_SOFTMAX,
    exponent=int,
    bits=int,
)
def int_softmax(call: Call) -> Data:
    """Shares of exponentials, rounded down; docs/format.md specifies it."""
    exponent, bits = (call.int_attribute(name, 0) for name in ("exponent", "bits"))
    if not (
        1 <= exponent <= EXPONENT_BITS and 1 <= bits <= SHARE_BITS and exponent + bits <= EXACT
    ):
        raise RefusedError(
            f"attributes exponent and bits must be 1 to {EXPONENT_BITS}, together at most {EXACT},"
            f" not {exponent} and {bits}"
        )
    x, meaning = call.integers_of(0)
    if len(meaning.scale) > 1 or len(meaning.offset) > 1 or sign(at(meaning.scale, 0)) <= 0:
        raise RefusedError("its data must have one scale above 0 and one offset for all channels")
    rows, places, inner = _rows(x)
    call.builder.check_size(x.size)
    line = (1, places)
    edge = _shaped(call, x.edge, (rows, places, inner))
    top = _along(call, call.emit(MaxPool, edge, part=True, kernel=line, stride=line).name, places)
    less = call.emit(Add, edge, top, part=True, gains=(-1, 1))
    table = _table(less.y.type, meaning, (1 << exponent) - 1)
    powers = call.builder.table(less.name, table, call.node)
    total = _along(
        call, call.emit(SumPool, powers, part=True, kernel=line, stride=line).name, places
    )
    made = call.emit(Divide, powers, total, levels=(1 << bits) - 1)
    shares = _shaped(call, made.name, x.frame)
    step = Affine((Fraction(1, made.levels),))
    return replace(x, edge=shares, type=made.y.type, steps=(step,), quantized=True)


def _rows(x: Data) -> tuple[int, int, int]:
    """Return rows, places along the last axis, and channels that lie within each place."""
    places = x.shape[-1]
    stream = x.stream.reshape(x.shape)
    if np.array_equal(x.stream, np.arange(x.size)):
        return x.size // places, places, 1
    heads = x.shape[0]
    rows = prod(x.shape[1:-1])
    wanted = np.arange(x.size).reshape(rows, places, heads).transpose(2, 0, 1)
    if len(x.shape) > 1 and np.array_equal(stream.reshape(heads, rows, places), wanted):
        return rows, places, heads
    raise RefusedError(
        "its data must come row by row along the last axis, or with the first axis innermost, as"
        " products of heads do"
    )


def _shaped(call: Call, edge: str, shape: tuple[int, ...]) -> str:
    if call.builder.edges[edge].shape == shape:
        return edge
    return call.emit(Convert, edge, part=True, share=True, shape=shape).name


def _along(call: Call, edge: str, places: int) -> str:
    """Return what holds for a row at each of its places."""
    if places == 1:
        return edge
    return call.emit(Upsample, edge, part=True, share=True, factors=(1, places)).name


def _table(t: IntType, meaning: Affine, largest: int) -> np.ndarray:
    """Return the exponentials of differences of type ``t``; those below 0 do not occur."""
    if t.bits > ADDRESS_BITS:
        raise RefusedError(
            f"differences of its scores must have at most {ADDRESS_BITS} bits, not {t.bits};"
            " quantize them to fewer"
        )
    scale = at(meaning.scale, 0)
    steps: tuple[Step, ...] = (Affine((-scale,)), Elementary("exp"), Affine((Fraction(largest),)))
    function = Function(steps, Quantizer(IntType(0, largest)))
    whole = np.maximum(t.values(), 0).tolist()
    known = {v: function(Fraction(v), 0) for v in set(whole)}
    return np.array([[known[v] for v in whole]])
