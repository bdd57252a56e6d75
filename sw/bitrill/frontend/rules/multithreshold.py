"""Rule for QONNX's MultiThreshold, which counts the thresholds that a number reaches.

``MultiThreshold(x, T)``: ``out_scale * #{k : x >= T[c, k]} + out_bias``, T of ``[C, N]`` or
``[1, N]``. (FINN-R: Blott et al. 2018, 4; QONNX's multithreshold.)
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...exact import Real, ceil, floor, sign
from ...ir import BIPOLAR, INPUT, InputQuantizer, IntType
from ...ops import Threshold
from ...passes.ranking import ascending
from ...real import Affine, Channels, at
from ..reader import limits
from ..symbolic import Call, Data, GraphBuilder, Known, RefusedError, per_channel
from .quantizers import check_bits
from .table import QONNX, rule

_LAYOUTS = {2: "NC", 4: "NCHW"}
"""Layouts of nodes that name none; of three axes, versions of QONNX differ."""


@rule(
    "MultiThreshold",
    domain=QONNX,
    inputs=2,
    layout="same",
    out_scale=float,
    out_bias=float,
    out_dtype=str,
    data_layout=str,
)
def multi_threshold(call: Call) -> Known:
    """Import as a `Threshold`, or on the model's float input as the design's input quantizer."""
    x = call.builder.settle(call.data(0))
    table = call.exact(1, "its thresholds", like="any")
    if table.ndim != 2:
        raise RefusedError(f"its thresholds must be [channels, N], not {list(table.shape)}")
    bounds = [_column(call, x, table[:, k]) for k in range(table.shape[1])]
    out, meaning = _meaning(call, len(bounds))
    x = call.clipped(x)
    steps = x.meaning("its data", "; remove it, the thresholds can include it")
    n = max(map(len, (*bounds, steps.scale, steps.offset)))
    rows = [_row([at(b, c) for b in bounds], steps, c, x.type) for c in range(n)]
    if x.type is None:
        _of_floats(call.builder, x, rows, out)
        edge = INPUT
    else:
        edge = _of_integers(call, x, rows, out)
    return replace(x, edge=edge, type=out, steps=(meaning,), quantized=True)


def _column(call: Call, x: Data, values: np.ndarray) -> Channels:
    """Return one threshold for each channel of the edge."""
    rank = len(x.shape) + 1
    layout = call.text_attribute("data_layout", "") or _LAYOUTS.get(rank, "")
    if len(layout) != rank or layout[0] != "N" or layout.count("C") != 1:
        raise RefusedError(
            f"its data_layout must be a letter for each of {rank} axes, N first and one C, such as"
            f" NCHW, not {layout[:40]!r}"
        )
    behind = rank - 1 - layout.index("C")
    return per_channel(values.reshape(-1, *(1,) * behind), x, what="its thresholds")


def _meaning(call: Call, n: int) -> tuple[IntType, Affine]:
    """Return the type of the counts 0 .. n, and their scale and offset."""
    scale, offset = call.fraction("out_scale", 1.0), call.fraction("out_bias", 0.0)
    if not scale:
        raise RefusedError("its out_scale must not be zero")
    if n == 1 and offset == -scale / 2:
        return BIPOLAR, Affine((scale / 2,))
    shift = offset / scale
    whole = shift.denominator == 1 and abs(shift) <= 1 << limits.ACTIVATION_BITS
    lo = int(shift) if whole else 0
    out = IntType(lo, lo + n)
    check_bits(out)
    return out, Affine((scale,), (offset - lo * scale,))


def _row(
    bounds: list[Real], steps: Affine, channel: int, x: IntType | None
) -> tuple[list[Real], bool]:
    """Return the operands at which each bound is reached, ascending, and whether it falls."""
    scale, offset = at(steps.scale, channel), at(steps.offset, channel)
    if not sign(scale):
        if x is None:
            raise RefusedError("the model's float input must not be scaled by zero")
        reached = sum(sign(offset - b) >= 0 for b in bounds)  # always, whatever the integers are
        ends: list[Real] = [Fraction(x.lo), Fraction(x.hi + 1)]
        return [ends[k >= reached] for k in range(len(bounds))], False
    places: list[Real] = [(b - offset) / scale for b in bounds]
    return [places[k] for k in ascending(places)], sign(scale) < 0


def _of_integers(call: Call, x: Data, rows: list[tuple[list[Real], bool]], out: IntType) -> str:
    t = call.builder.edges[x.edge].type
    table = [
        [min(max(floor(p) + 1 if falls else ceil(p), t.lo), t.hi + 1) for p in places]
        for places, falls in rows
    ]
    repeat = x.channels // len(rows)
    return call.emit(
        Threshold,
        x.edge,
        out=out,
        thresholds=np.array(table * repeat, np.int64),
        inverted=np.array([falls for _, falls in rows] * repeat),
    ).name


def _of_floats(
    builder: GraphBuilder, x: Data, rows: list[tuple[list[Real], bool]], out: IntType
) -> None:
    """Quantize the design's input, with the smallest float64 that reaches each threshold."""
    levels = np.array([[reaching(p, beyond=falls) for p in places] for places, falls in rows])
    inverted = np.array([falls for _, falls in rows])
    for array in (levels, inverted):
        array.setflags(write=False)
    builder.quantize_input(InputQuantizer(levels, inverted, out), x)


def reaching(place: Real, *, beyond: bool) -> float:
    """Return the smallest float64 at or above ``place``; ``beyond``: above it."""
    near = float(place)

    def reached(v: float) -> bool:
        side = sign(Fraction(v) - place)
        return side > 0 or (side == 0 and not beyond)

    while not reached(near):
        near = float(np.nextafter(near, np.inf))
    while reached(below := float(np.nextafter(near, -np.inf))):
        near = below
    return near
