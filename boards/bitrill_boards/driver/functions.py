"""Functions that the host computes on a network's integers, named as in ONNX.

Numbers are float64, indices int64. The first axis of an array is the batch, and axes are numbered
with it. A constant operand is the attribute ``value``, with ``reverse`` if it comes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875
"""Default values in the ONNX standard."""


def _two(f: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Return a function of two arrays, or of one array and the constant ``value``."""

    def both(
        *x: np.ndarray, value: float | np.ndarray | None = None, reverse: int = 0
    ) -> np.ndarray:
        if value is None:
            return f(*x)
        return f(value, x[0]) if reverse else f(x[0], value)

    return both


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _erf(x: np.ndarray) -> np.ndarray:
    return np.array([math.erf(v) for v in x.ravel().tolist()]).reshape(x.shape)


def _elu(x: np.ndarray, *, alpha: float | np.ndarray = 1.0) -> np.ndarray:
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0.0)), x)


def _selu(
    x: np.ndarray, *, alpha: float | np.ndarray = SELU_ALPHA, gamma: float | np.ndarray = SELU_GAMMA
) -> np.ndarray:
    return gamma * _elu(x, alpha=alpha)


def _hard_sigmoid(
    x: np.ndarray, *, alpha: float | np.ndarray = 0.2, beta: float | np.ndarray = 0.5
) -> np.ndarray:
    return np.clip(alpha * x + beta, 0.0, 1.0)


def _gelu(x: np.ndarray, *, approximate: str = "none") -> np.ndarray:
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1.0 + _erf(x / math.sqrt(2)))


def _clip(
    x: np.ndarray, *, min: float | np.ndarray = -np.inf, max: float | np.ndarray = np.inf
) -> np.ndarray:
    return np.minimum(np.maximum(x, min), max)


def _leaky(x: np.ndarray, *, slope: float | np.ndarray) -> np.ndarray:
    return np.where(x < 0, slope * x, x)


def _softmax(x: np.ndarray, *, axis: int, rest: int = 0) -> np.ndarray:
    axes = tuple(range(axis, x.ndim)) if rest else axis
    e = np.exp(x - x.max(axes, keepdims=True))
    return e / e.sum(axes, keepdims=True)


def _log_softmax(x: np.ndarray, *, axis: int, rest: int = 0) -> np.ndarray:
    axes = tuple(range(axis, x.ndim)) if rest else axis
    low = x - x.max(axes, keepdims=True)
    return low - np.log(np.exp(low).sum(axes, keepdims=True))


def _best(x: np.ndarray, axis: int, keepdims: int, last: int) -> np.ndarray:
    end = x.shape[axis] - 1
    index = end - np.flip(x, axis).argmax(axis) if last else x.argmax(axis)
    return np.expand_dims(index, axis) if keepdims else index


def _arg_max(x: np.ndarray, *, axis: int, keepdims: int, last: int) -> np.ndarray:
    return _best(x, axis, keepdims, last)


def _arg_min(x: np.ndarray, *, axis: int, keepdims: int, last: int) -> np.ndarray:
    return _best(-x, axis, keepdims, last)


def _order(x: np.ndarray, axis: int, k: int, largest: int) -> np.ndarray:
    """Return the indices of the first ``k`` elements; equal ones are ordered by index."""
    order = np.argsort(-x if largest else x, axis, kind="stable")
    return np.take(order, np.arange(k), axis)


def _top_k(x: np.ndarray, *, axis: int, k: int, largest: int) -> np.ndarray:
    return np.take_along_axis(x, _order(x, axis, k, largest), axis)


def _top_k_indices(x: np.ndarray, *, axis: int, k: int, largest: int) -> np.ndarray:
    return _order(x, axis, k, largest)


def _reduced(f: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def reduce(x: np.ndarray, *, axes: Sequence[int], keepdims: int) -> np.ndarray:
        return f(x, tuple(axes), keepdims=bool(keepdims))

    return reduce


def _slice(
    x: np.ndarray,
    *,
    axes: Sequence[int],
    starts: Sequence[int],
    sizes: Sequence[int],
    steps: Sequence[int],
) -> np.ndarray:
    for k, axis in enumerate(axes):
        x = np.take(x, starts[k] + steps[k] * np.arange(sizes[k]), axis)
    return x


def _reorder(x: np.ndarray, *, order: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    return x.reshape(len(x), -1)[:, order].reshape(-1, *shape)


def _cast(x: np.ndarray, *, to: str) -> np.ndarray:
    """Round to the type ``to``, returned as float64; integer types cut off fractions, int64."""
    kind = np.dtype(to)
    return x.astype(kind).astype(np.float64 if kind.kind == "f" else np.int64)


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "Abs": np.abs,
    "Add": _two(np.add),
    "ArgMax": _arg_max,
    "ArgMin": _arg_min,
    "Cast": _cast,
    "Ceil": np.ceil,
    "Clip": _clip,
    "Concat": lambda *x, axis: np.concatenate(x, axis),
    "Div": _two(np.divide),
    "Elu": _elu,
    "Erf": _erf,
    "Exp": np.exp,
    "Floor": np.floor,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda x: x * _hard_sigmoid(x, alpha=1 / 6),
    "LeakyRelu": _leaky,
    "Log": np.log,
    "LogSoftmax": _log_softmax,
    "Max": _two(np.maximum),
    "Min": _two(np.minimum),
    "Mish": lambda x: x * np.tanh(_softplus(x)),
    "Mul": _two(np.multiply),
    "Neg": np.negative,
    "PRelu": _leaky,
    "Pow": _two(np.power),
    "Reciprocal": np.reciprocal,
    "ReduceMax": _reduced(np.max),
    "ReduceMean": _reduced(np.mean),
    "ReduceMin": _reduced(np.min),
    "ReduceSum": _reduced(np.sum),
    "Relu": lambda x: np.maximum(x, 0.0),
    "Reorder": _reorder,
    "Reshape": lambda x, shape: x.reshape(-1, *shape),
    "Round": np.rint,
    "Selu": _selu,
    "Sigmoid": _sigmoid,
    "Sign": np.sign,
    "Slice": _slice,
    "Softmax": _softmax,
    "Softplus": _softplus,
    "Softsign": lambda x: x / (1.0 + np.abs(x)),
    "Sqrt": np.sqrt,
    "Sub": _two(np.subtract),
    "Swish": lambda x, alpha=1.0: x * _sigmoid(alpha * x),
    "Tanh": np.tanh,
    "ThresholdedRelu": lambda x, alpha=1.0: np.where(x > alpha, x, 0.0),
    "TopK": _top_k,
    "TopKIndices": _top_k_indices,
    "Transpose": lambda x, perm: x.transpose(perm),
}
"""Functions by name."""
