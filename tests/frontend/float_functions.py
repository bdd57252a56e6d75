"""Activation functions of ONNX in float64 with bounds of their error, from the standard's formulas.

``|f(x + e) - f(x)| <= L |e|`` with a constant L of each function; 64 units of rounding cover the
few operations of each.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erf
from typing import Any

import numpy as np
from frontend.float_numbers import Num, U, Undecided

_erf = np.vectorize(erf, otypes=[np.float64])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), 1 - 1 / (1 + np.exp(-np.abs(x))))


def softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def below_zero(x: np.ndarray) -> np.ndarray:
    return np.expm1(np.minimum(x, 0))


def gelu(x: np.ndarray, how: bytes) -> np.ndarray:
    if how == b"tanh":
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + _erf(x / np.sqrt(2)))


def functions(attrs: dict[str, Any]) -> dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]]:
    """Each function by its ONNX name, and its constant L."""

    def single(name: str, default: float) -> float:
        return float(np.float32(attrs.get(name, default)))

    one, selu = single("alpha", 1.0), single("alpha", 1.67326319217681884765625)
    gamma = single("gamma", 1.05070102214813232421875)
    hard, beta = single("alpha", 0.2), single("beta", 0.5)
    return {
        "Sigmoid": (sigmoid, 0.25),
        "Tanh": (np.tanh, 1),
        "Erf": (_erf, 1.2),
        "Softplus": (softplus, 1),
        "Softsign": (lambda x: x / (1 + np.abs(x)), 1),
        "Abs": (np.abs, 1),
        "HardSigmoid": (lambda x: np.clip(hard * x + beta, 0, 1), abs(hard)),
        "HardSwish": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1), 2),
        "Swish": (lambda x: x * sigmoid(one * x), 2),
        "Mish": (lambda x: x * np.tanh(softplus(x)), 2),
        "Gelu": (lambda x: gelu(x, attrs.get("approximate", b"none")), 2),
        "Elu": (lambda x: np.maximum(x, 0) + one * below_zero(x), max(1, abs(one))),
        "Celu": (lambda x: np.maximum(x, 0) + one * below_zero(x / one), 1),
        "Selu": (
            lambda x: gamma * (np.maximum(x, 0) + selu * below_zero(x)),
            abs(gamma) * max(1, abs(selu)),
        ),
    }


def function_step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num | None:
    """The function ``op`` of one number, or None where there is none of that name."""
    if not a:
        return None
    x = a[0]
    if op == "Sign":
        if (np.abs(x.v) <= x.e)[x.e > 0].any():
            raise Undecided
        return Num.of(np.sign(x.v))
    if op == "ThresholdedRelu":
        bound = float(np.float32(attrs.get("alpha", 1.0)))
        if (np.abs(x.v - bound) <= x.e)[x.e > 0].any():
            raise Undecided
        above = x.v > bound
        return Num(np.where(above, x.v, 0.0), np.where(above, x.e, 0.0))
    if op in ("Exp", "Log"):
        if op == "Log" and (x.v - x.e <= 0).any():
            raise Undecided
        f = np.exp if op == "Exp" else np.log
        error = f(x.v + x.e) - f(x.v - x.e)
        return Num(f(x.v), error + 64 * U * (np.abs(f(x.v)) + 1))
    known = functions(attrs).get(op)
    if known is None:
        return None
    f, slope = known
    y = np.asarray(f(x.v))
    return Num(y, slope * x.e + 64 * U * (np.abs(y) + np.abs(x.v) + 1))
