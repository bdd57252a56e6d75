"""Rules for L1MatMul and L1Conv of domain ``bitrill``: sums of distances, on one common grid."""

from fractions import Fraction
from math import lcm
from typing import NamedTuple

import numpy as np

from ...exact import Real, sign
from ...ir import BIPOLAR, IntType
from ...ops import Window
from ...ops.l1matvec import WEIGHT_BITS, X_BITS, L1MatVec
from ...real import Affine, compact
from ..reader.local_functions import DOMAIN, L1_CONV, L1_MATMUL
from ..symbolic import Call, Data, Known, Quantized, RefusedError, brief, multiplied
from .matmul import product, quantized, vector_and_matrix
from .table import rule


@rule("L1MatMul", domain=DOMAIN, inputs=2, body=L1_MATMUL)
def l1_matmul(call: Call) -> Known:
    """``-sum_j |x[j] - w[j, r]|``; docs/format.md specifies it."""
    x, meaning, weights = vector_and_matrix(call, call.value(1), -1)
    _check_grid(x, meaning)
    if len(weights.integers) != x.size:
        raise RefusedError(f"its weights must take {x.size} features, not {len(weights.integers)}")
    step, factor, w = _common(weights, meaning.scale[0], meaning.offset[0])
    columns = np.empty((w.shape[1], w.shape[0]), np.int64)
    columns[:, x.stream] = w.T
    return _distances(call, x.edge, weights, meaning.scale[0], _Grid(step, factor, columns), True)


@rule("L1Conv", domain=DOMAIN, inputs=2, layout="spatial", body=L1_CONV)
def l1_conv(call: Call) -> Known:
    """``-sum |x - w|`` over each window, stride 1, no padding; docs/format.md specifies it."""
    x, meaning = call.integers_of(0, image=True)
    weights = quantized(call.value(1), 0)
    _check_grid(x, meaning)
    shape, image = weights.integers.shape, x.frame[:-1]
    if len(image) != 2 or len(shape) != 4 or shape[1] != x.channels:
        raise RefusedError(
            f"its data must have two spatial axes, and its weights be [outputs, {x.channels},"
            f" height, width], not {list(shape)}"
        )
    kernel = shape[2:]
    if any(k > n for k, n in zip(kernel, image, strict=True)):
        raise RefusedError(
            f"its kernel must span at most its input, {list(image)}, not {list(kernel)}"
        )
    step, factor, w = _common(weights, meaning.scale[0], meaning.offset[0])
    edge = x.edge
    if {*kernel} != {1}:
        edge = call.emit(Window, edge, part=True, kernel=kernel, stride=(1, 1)).name
    rows = np.moveaxis(w.reshape(*shape[:2], -1), 1, 2).reshape(shape[0], -1)
    return _distances(call, edge, weights, meaning.scale[0], _Grid(step, factor, rows), False)


class _Grid(NamedTuple):
    """A step u, integers a and v, ``[rows, columns]``: data - weights are ``u * (a * x - v)``."""

    step: Real
    factor: int
    weights: np.ndarray


def _check_grid(x: Data, meaning: Affine) -> None:
    """Refuse data without one scale and zero point, or of too many bits."""
    if len(meaning.scale) != 1:
        raise RefusedError("its data must have one scale for all channels, not one for each")
    if not sign(meaning.scale[0]):
        raise RefusedError("its data must not be scaled by zero")
    if len(meaning.offset) != 1:
        raise RefusedError("its data must have one zero point for all channels")
    if x.type is not None and x.type.bits > X_BITS:
        raise RefusedError(f"its data must have at most {X_BITS} bits, not {x.type.bits}")


def _distances(
    call: Call, edge: str, weights: Quantized, scale: Real, grid: _Grid, flat: bool
) -> Data:
    """Append the distances of an edge's vectors; ``flat``: of all its elements as one vector."""
    builder, (step, factor, rows) = call.builder, grid
    if builder.edges[edge].type == BIPOLAR:
        return _signs(call, edge, _Grid(step, abs(factor), rows * sign(Fraction(factor))), flat)
    if factor != 1 or not builder.edges[edge].type.coding.binary:
        edge = multiplied(builder, edge, [factor], call.node)
    if builder.edges[edge].type.bits > X_BITS:
        raise _apart(weights, scale)
    node = call.emit(L1MatVec, edge, weights=rows)
    shape = (len(rows),) if flat else (len(rows), *node.y.shape[:-1])
    return call.then(Data(node.name, node.y.type, shape, node.y.shape), Affine((step,)))


def _signs(call: Call, edge: str, grid: _Grid, flat: bool) -> Data:
    """Append distances of bipolar data b as products: ``|b * size - w| = size - b * w``.

    That holds for w within ``+-size``; the part of w outside adds a constant to its row.
    """
    step, size, w = grid
    near = np.clip(w, -size, size)
    types = IntType.for_range(lo=int(near.min()), hi=int(near.max()))
    signs = BIPOLAR if (np.abs(near) == 1).all() else types
    matrix = Quantized(near, np.full((1, 1), Fraction(1), object), signs)
    out = product(call, edge, matrix, Affine(), shape=(len(w),) if flat else ())
    constant = size * w.shape[1] + np.abs(w - near).sum(1)
    return call.then(out, Affine((step,), compact([-step * int(n) for n in constant])))


def _common(weights: Quantized, scale: Real, offset: Real) -> tuple[Real, int, np.ndarray]:
    """Return a step u > 0 and integers a, v: data - weights are ``u * (a * integer - v)``."""
    every = [s / scale for s in (*weights.scale.reshape(-1), offset)]
    rational = [r for r in every if isinstance(r, Fraction)]
    if len(rational) < len(every):
        raise _apart(weights, scale)
    *ratios, shift = rational
    parts = lcm(*(r.denominator for r in rational))
    if parts >= 1 << X_BITS:
        raise _apart(weights, scale)
    factor = parts * sign(scale)
    whole = np.array([int(r * factor) for r in ratios], object).reshape(weights.scale.shape)
    v = weights.integers.astype(object) * whole - int(shift * factor)
    if max(abs(int(v.min())), abs(int(v.max()))) >= 1 << WEIGHT_BITS - 1:
        raise _apart(weights, scale)
    return scale / factor, factor, v.astype(np.int64)


def _apart(weights: Quantized, scale: Real) -> RefusedError:
    """Return the refusal of scales without a common grid."""
    own = sorted({brief(s) for s in weights.scale.reshape(-1)})
    listed = own[0] if len(own) == 1 else f"{own[0]} and {len(own) - 1} more"
    return RefusedError(
        f"the scales of its data, {brief(scale)}, and of its weights, {listed}, must be whole"
        f" multiples of one step, of which the data hold at most {X_BITS} bits and the weights"
        f" {WEIGHT_BITS}; train both on one scale"
    )
