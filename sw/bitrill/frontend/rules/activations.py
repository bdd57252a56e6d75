"""Rules for activation functions: each becomes a chain of steps on exact reals.

The next quantizer turns a chain into integer thresholds, or into a table if the chain rises and
falls. An operator's value is defined by ONNX's formula, over the real numbers.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...exact import Surd, sqrt
from ...functions import Combined, Elementary
from ...real import Affine, Clip, Leaky
from ...steps import Step, enclose
from ..symbolic import Call, Data, RefusedError, brief
from .table import rule

_ONE, _HALF = Fraction(1), Fraction(1, 2)

_NAMES = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Erf": "erf",
    "Exp": "exp",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Sign": "sign",
}

_RANGE_BITS = 64
"""Binary places to which the range of data is computed."""


@rule("Sigmoid", inputs=1, layout="same")
@rule("Tanh", inputs=1, layout="same")
@rule("Erf", inputs={9: 1}, layout="same")
@rule("Exp", inputs=1, layout="same")
@rule("Softplus", inputs=1, layout="same")
@rule("Softsign", inputs=1, layout="same")
@rule("Sign", inputs={9: 1}, layout="same")
def elementary(call: Call) -> Data:
    """Apply a function without parameters."""
    return call.then(call.data(0), Elementary(_NAMES[call.node.op]))


@rule("Log", inputs=1, layout="same")
def logarithm(call: Call) -> Data:
    """Apply the natural logarithm to data that are above 0 for every input."""
    x = call.edge(0)  # a deferred layer has no range yet
    if x.type is None:
        return x
    ends = Fraction(x.type.lo), Fraction(x.type.hi)
    n = max([1, *(s.n_channels for s in x.steps)])
    least = min(enclose(x.steps, ends, c, _RANGE_BITS)[0] for c in range(n))
    if least <= 0:
        raise RefusedError(
            f"its data must be above 0, and may be as low as {brief(least)}; put Clip before it"
        )
    return call.then(x, Elementary("log"))


@rule("Abs", inputs=1, layout="same")
def absolute(call: Call) -> Data:
    """Compute ``|x|``."""
    return call.then(call.data(0), Leaky((-_ONE,)))


@rule("HardSigmoid", inputs=1, layout="same", alpha=float, beta=float)
def hard_sigmoid(call: Call) -> Data:
    """Compute ``min(max(alpha * x + beta, 0), 1)``."""
    alpha, beta = _alpha(call, 0.2), call.fraction("beta", 0.5)
    return call.then(call.data(0), Affine((alpha,), (beta,)), Clip(Fraction(0), _ONE))


@rule("HardSwish", inputs={14: 1}, layout="same")
def hard_swish(call: Call) -> Data:
    """Compute ``x * min(max(x / 6 + 1/2, 0), 1)``."""
    return _gated(call, Affine((Fraction(1, 6),), (_HALF,)), Clip(Fraction(0), _ONE))


@rule("Swish", inputs={24: 1}, layout="same", alpha=float)
def swish(call: Call) -> Data:
    """Compute ``x * sigmoid(alpha * x)``."""
    return _gated(call, Affine((_alpha(call, 1.0),)), Elementary("sigmoid"))


@rule("Mish", inputs={18: 1}, layout="same")
def mish(call: Call) -> Data:
    """Compute ``x * tanh(softplus(x))``."""
    return _gated(call, Elementary("softplus"), Elementary("tanh"))


@rule("Gelu", inputs={20: 1}, layout="same", approximate=str)
def gelu(call: Call) -> Data:
    """Compute ``x * (1 + erf(x / sqrt(2))) / 2``.

    ``approximate="tanh"``: ``x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2``.
    """
    how = call.text_attribute("approximate", "none")
    behind = Affine((_HALF,), (_HALF,))
    if how == "none":
        return _gated(call, Affine((sqrt(_HALF),)), Elementary("erf"), behind)
    if how != "tanh":
        raise RefusedError(f"attribute approximate must be none or tanh, not {how[:40]!r}")
    cubic = Combined("add", (), (*_power(3), Affine((Fraction("0.044715"),))))
    return _gated(call, cubic, Elementary("tanh of sqrt(2 / pi) times"), behind)


@rule("Elu", inputs=1, layout="same", alpha=float)
def elu(call: Call) -> Data:
    """Compute ``x`` if it is 0 or more, else ``alpha * (exp(x) - 1)``."""
    return call.then(call.data(0), Elementary("elu"), Leaky((_alpha(call, 1.0),)))


@rule("Celu", inputs={12: 1}, layout="same", alpha=float)
def celu(call: Call) -> Data:
    """Compute ``x`` if it is 0 or more, else ``alpha * (exp(x / alpha) - 1)``."""
    alpha = _alpha(call, 1.0)
    if alpha <= 0:
        raise RefusedError(f"attribute alpha must be above 0, not {brief(alpha)}")
    return call.then(call.data(0), Affine((1 / alpha,)), Elementary("elu"), Affine((alpha,)))


@rule("Selu", inputs=1, layout="same", alpha=float, gamma=float)
def selu(call: Call) -> Data:
    """Compute ``gamma * x`` if x is 0 or more, else ``gamma * alpha * (exp(x) - 1)``."""
    alpha = _alpha(call, 1.67326319217681884765625)
    gamma = call.fraction("gamma", 1.05070102214813232421875)
    return call.then(call.data(0), Elementary("elu"), Leaky((alpha,)), Affine((gamma,)))


def powered(call: Call, x: Data) -> Data:
    """Raise data to the power of a constant, 1 to 4."""
    exponent = call.number(1, "its exponent", like="any" if call.opset >= 12 else "floats")
    if isinstance(exponent, Surd) or exponent not in range(1, 5):
        raise RefusedError(
            "its base must be a constant, or its exponent a whole number from 1 to 4,"
            f" not {brief(exponent)}"
        )
    return call.then(x, *_power(int(exponent)))


def combined(call: Call, op: str, a: Data, b: Data) -> Data | None:
    """Add, subtract or multiply two functions of the same edge; None if the edges differ.

    So SiLU, GELU and similar functions are recognised however the model spells them out.
    """
    if a.edge != b.edge or a.deferred is not b.deferred or a.shape != b.shape:
        return None
    if not np.array_equal(a.stream, b.stream) or op not in ("Add", "Sub", "Mul"):
        return None
    if op != "Mul" and a.affine is not None and b.affine is not None:
        return None  # a sum of integers
    turned = (Affine((-_ONE,)),) if op == "Sub" else ()
    step = Combined("mul" if op == "Mul" else "add", a.steps, (*b.steps, *turned))
    return call.then(replace(a, steps=()), step)


def _alpha(call: Call, default: float) -> Fraction:
    return call.fraction("alpha", float(np.float32(default)))


def _gated(call: Call, *gate: Step) -> Data:
    """Return ``x * gate(x)``."""
    return call.then(call.data(0), Combined("mul", (), gate))


def _power(n: int) -> tuple[Step, ...]:
    """Return the steps of ``x ** n``."""
    return () if n == 1 else (Combined("mul", (), _power(n - 1)),)
