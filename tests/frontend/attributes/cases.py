"""Parts that the cases of several operators share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from frontend.attributes.differential import Case, Tail, X
from frontend.onnx_models import Net

Cases = Callable[[int], Iterable[Case]]


IMAGE = (4, 5, 6)


def f(*values: Any) -> np.ndarray:
    return np.array(values[0] if len(values) == 1 else values, np.float32)


def long(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def ints(*shape: int, low: int = -3, high: int = 4) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(low, high, shape).astype(np.float32)


def node(op: str, *operands: Any, shape: tuple[int, ...] = (6,), **options: Any) -> Case:
    own = ("domain", "outputs", "head", "tail", "refused", "invalid", "low", "integers")
    mine = {k: options.pop(k) for k in own if k in options}
    return Case(op, operands or (X,), options, shape, **mine)


def behind(op: str) -> Tail:
    """Join the node's constant result with the data."""
    return lambda net, out, x: net.node(op, x, out[0])


def shape_of(net: Net, out: list[str], x: str) -> str:
    """Give the data the node's result as their shape."""
    return net.node("Reshape", x, out[0])
