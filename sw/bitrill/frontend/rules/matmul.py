"""The rule for Gemm, and the matrix times integers that MatMul and convolutions share."""

from fractions import Fraction

import numpy as np

from ...ir import BIPOLAR, IntType
from ...ops import Depthwise, MatVec
from ...real import Affine, compact
from ..symbolic import Call, Const, Data, Known, Quantized, RefusedError, check_floats, per_channel
from .common_grids import rows_on_grid
from .table import rule
from .weight_grids import narrowest, on_grid, rounded_grid


@rule(
    "Gemm", inputs={1: 3, 11: (2, 3)}, weights=True, alpha=float, beta=float, transA=int, transB=int
)
def gemm(call: Call) -> Known:
    """``alpha * x @ w + beta * c``."""
    if call.int_attribute("transA", 0):
        raise RefusedError("transA must be 0")
    out = dense(call, call.value(1), transposed=bool(call.int_attribute("transB", 0)))
    out = call.then(out, Affine((call.fraction("alpha", 1.0),)))
    if not call.has(2):
        return out
    beta = call.fraction("beta", 1.0)
    bias = per_channel(call.exact(2, "its bias"), out, what="its bias")
    return call.then(out, Affine(offset=tuple(beta * b for b in bias)))


def quantized(weights: Known, axis: int) -> Quantized:
    """Return ``weights``, which must be a constant behind a quantizer or lie on a grid.

    ``axis``: the outputs', which may have a scale each.
    """
    if isinstance(weights, Data):
        raise RefusedError(BOTH_DATA)
    check_floats(weights, "its weights")
    if isinstance(weights, Const) and weights.batch is None and _are_whole(weights.array):
        w = weights.array.astype(np.int64)
        return Quantized(w, np.full((1,) * w.ndim, Fraction(1), object), narrowest(w))
    if isinstance(weights, Quantized):
        return weights
    if weights.batch is None and weights.array.ndim > 1:
        if exact := on_grid(weights.array, axis):
            return exact
        if grid := rounded_grid(weights.array, axis):
            raise RefusedError(
                f"its weights equal {grid}, but these products are rounded: as real numbers they"
                " lie on no grid; leave their quantizer in the file (Quant, or DequantizeLinear of"
                " integers), or choose a scale of at most 16 significant bits"
            )
    raise RefusedError(
        "its weights are not quantized; pass them through Quant, BipolarQuant or DequantizeLinear"
    )


def data_and_weights() -> RefusedError:
    """Return the refusal of a constant in front of data."""
    return RefusedError("its first operand must be data, its second constant weights")


BOTH_DATA = (
    "both its operands depend on the model's input, and the second one must be constant weights;"
    " MatMul takes two tensors that depend on it"
)


def _are_whole(w: np.ndarray) -> bool:
    """Whether ``w`` holds integers of at most 16 bits, as some exporters leave weights."""
    if w.dtype == object or w.size == 0 or w.ndim < 2:
        return False
    return bool((np.abs(w) < 1 << 15).all() and (w == np.round(w)).all())


def dense(call: Call, weights: Known, *, transposed: bool) -> Data:
    """Append ``x @ w``: one product, or one for each place of ``[batch, *places, features]``."""
    if len(call.data(0).shape if isinstance(call.value(0), Data) else ()) > 1:
        return _each_place(call, weights)
    x, meaning, weights = vector_and_matrix(call, weights, 0 if transposed else -1)
    w, scale = _rows(weights, x.size, transposed=transposed)
    columns = np.empty_like(w)
    columns[:, x.stream] = w
    if scale.shape[1] > 1:
        scale = scale[:, np.argsort(x.stream)]
    matrix = Quantized(columns, scale, weights.type)
    return product(call, x.edge, matrix, meaning, shape=(len(w),))


def _rows(weights: Quantized, features: int, *, transposed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a matrix with a row for each output, and its scales, which broadcast to it."""
    w, scale = weights.integers, weights.scale
    if not transposed:
        w, scale = w.T, scale.T
    if w.shape[1] != features:
        raise RefusedError(f"its weights must take {features} features, not {w.shape[1]}")
    return w, scale


def _each_place(call: Call, weights: Known) -> Data:
    """Append ``x @ w`` for each place: the last axis must be the channels of the edge."""
    x, _ = call.integers_of(0)
    matrix = quantized(weights, -1)
    if matrix.integers.ndim != 2:
        raise RefusedError(f"its weights must be a matrix, not of {matrix.integers.ndim} axes")
    x = call.innermost(x)
    meaning = x.meaning("its data")
    w, scale = _rows(matrix, x.channels, transposed=False)
    matrix = Quantized(w, scale, matrix.type)
    out = product(call, x.edge, matrix, meaning, shape=(len(w), *x.frame[:-1]))
    return out.streamed((*x.shape[:-1], len(w)))


def vector_and_matrix(call: Call, weights: Known, axis: int) -> tuple[Data, Affine, Quantized]:
    """Return input 0 as a vector, its meaning, and ``weights``, a matrix."""
    if not isinstance(call.value(0), Data):
        raise data_and_weights()
    matrix = quantized(weights, axis)
    x, meaning = call.integers_of(0)
    if matrix.integers.ndim != 2 or len(x.shape) != 1:
        raise RefusedError(
            "data must be [batch, features] and weights a matrix; flatten them first"
        )
    return x, meaning, matrix


def product(
    call: Call,
    edge: str,
    matrix: Quantized,
    meaning: Affine,
    *,
    shape: tuple[int, ...] = (),
    inside: tuple[np.ndarray, ...] | None = None,
) -> Data:
    """Append a matrix times the data of ``edge``, which have that meaning.

    ``shape``: of the result, or channels and places of the edge; ``inside``: see `MatVec`.
    """
    parts = matrix.integers, matrix.scale, matrix.type
    w, held, steps = rows_on_grid(call, edge, *parts, meaning)
    if inside is not None:
        held = BIPOLAR
    node = call.emit(MatVec, edge, weights=w, weight_type=held, inside=inside)
    return meant(call, node, *steps, shape=shape)


def meant(
    call: Call, node: MatVec | Depthwise, *steps: Affine, shape: tuple[int, ...] = ()
) -> Data:
    """Return the result of ``node``, whose dot products mean what ``steps`` give of them."""
    dot = Affine((Fraction(node.dot_gain),), compact([Fraction(int(o)) for o in node.dot_offset]))
    places = shape or (node.y.channels, *node.y.shape[:-1])
    return call.then(Data(node.name, node.y.type, places, node.y.shape), dot, *steps)


def widest(*types: IntType) -> IntType:
    """Return the smallest range that covers all of ``types``."""
    return IntType.for_range(lo=min(t.lo for t in types), hi=max(t.hi for t in types))
