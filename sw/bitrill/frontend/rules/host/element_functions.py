"""Host rules for functions of one element at a time, and for arithmetic with constants."""

from collections.abc import Callable
from math import inf

import numpy as np

from ....ir import HostAttribute
from ...symbolic import HostCall, Hosted, RefusedError
from ...symbolic.hosted import Applied
from .. import elementwise as elementwise  # their import rules are declared
from .. import extremes as extremes
from .. import powers as powers
from ..table import RULES
from .host_table import also, host

RISING = {"Sigmoid": {}, "Tanh": {}, "Exp": {}, "Softplus": {}, "Softsign": {}, "Erf": {}}
"""Functions that keep the order of numbers and their ties, and the defaults of their attributes."""

OTHERS: dict[str, dict[str, float]] = {
    "Abs": {},
    "Ceil": {},
    "Elu": {"alpha": 1.0},
    "Floor": {},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
    "HardSwish": {},
    "Log": {},
    "Mish": {},
    "Neg": {},
    "Reciprocal": {},
    "Relu": {},
    "Round": {},
    "Selu": {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
    "Sign": {},
    "Sqrt": {},
    "Swish": {"alpha": 1.0},
    "ThresholdedRelu": {"alpha": 1.0},
}
"""Further functions of one element whose attributes are numbers, with their defaults."""


def _declare(op: str, defaults: dict[str, float], *, rising: bool) -> None:
    known = ("", op) in RULES
    first = {"ThresholdedRelu": 10}.get(op, 1)
    types = dict.fromkeys(defaults, float)
    declare = also(op) if known else host(op, inputs={first: 1}, attributes=types)

    @declare
    def apply(call: HostCall) -> Hosted:
        x = call.numbers(0)
        numbers = {name: number(call, name, default) for name, default in defaults.items()}
        return x.then(op, None, numbers, scores=x.scores if rising else None)


for _op, _defaults in RISING.items():
    _declare(_op, _defaults, rising=True)
for _op, _defaults in OTHERS.items():
    _declare(_op, _defaults, rising=False)


def number(call: HostCall, name: str, default: float) -> HostAttribute:
    """Return a float attribute as the float32 that it is."""
    return np.array(float(call.fraction(name, float(np.float32(default)))))


@host("Gelu", approximate=str)
def gelu(call: HostCall) -> Hosted:
    """``x * Phi(x)``, by the error function or by tanh."""
    approximate = call.text_attribute("approximate", "none")
    if approximate not in ("none", "tanh"):
        raise RefusedError(f"approximate must be none or tanh, not {approximate[:40]!r}")
    return call.numbers(0).then("Gelu", None, {"approximate": approximate})


@also("LeakyRelu")
def leaky(call: HostCall) -> Hosted:
    """Scale negative numbers by a slope."""
    return call.numbers(0).then("LeakyRelu", None, {"slope": number(call, "alpha", 0.01)})


@also("PRelu")
def prelu(call: HostCall) -> Hosted:
    """Scale negative numbers by slopes."""
    x, slope = call.numbers(0), call.floats(1, "its slope")
    if joint(x.shape, slope.shape) != x.shape:
        raise RefusedError(f"its slope must fit {['batch', *x.shape]}, not {list(slope.shape)}")
    return x.then("PRelu", None, {"slope": slope})


@also("Clip")
def clip(call: HostCall) -> Hosted:
    """Clip to bounds that are attributes (before opset 11) or inputs."""
    x = call.numbers(0)
    bounds: dict[str, HostAttribute] = {}
    for i, (name, none) in enumerate((("min", -inf), ("max", inf)), 1):
        if name in call.attributes:
            bounds[name] = number(call, name, none)
        elif call.has(i):
            bounds[name] = np.array(float(call.number(i, f"its {name}")))
    return x.then("Clip", None, bounds)


def joint(shape: tuple[int, ...], constant: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of data of ``shape`` (no batch axis) and a constant together."""
    try:
        batch, *rest = np.broadcast_shapes((1, *shape), constant)
    except ValueError:
        batch, rest = 0, []
    if batch != 1 or len(rest) != len(shape):
        raise RefusedError(
            f"its constant must fit {['batch', *shape]} and be the same for the whole batch,"
            f" not of shape {list(constant)}"
        )
    return tuple(rest)


def _keeps(op: str, values: np.ndarray, *, reverse: bool) -> bool:
    """Whether arithmetic with a constant keeps the order and the ties of numbers."""
    one = len(np.unique(values)) == 1
    if op in ("Add", "Sub"):
        return one and not (op == "Sub" and reverse)
    return op in ("Mul", "Div") and one and not reverse and bool((values > 0).all())


def _arithmetic(op: str) -> Callable[[HostCall], Hosted]:
    def apply(call: HostCall) -> Hosted:
        if len(call.operands) != 2:
            raise RefusedError(f"it must have two operands, not {len(call.operands)}")
        if call.only_data:
            raise RefusedError("one operand must be a constant, not both depend on the input")
        for i in (0, 1):
            if call.is_constant(i):
                x, values = call.numbers(1 - i), call.floats(i, "its constant")
                reverse = i == 0
                if op == "Div" and (reverse or not values.all()):
                    raise RefusedError("its divisor must be a constant that is nowhere zero")
                scores = x.scores if _keeps(op, values, reverse=reverse) else None
                shape = joint(x.shape, values.shape)
                kept = scores if shape == x.shape else None
                return x.then(op, shape, {"value": values, "reverse": int(reverse)}, scores=kept)
        return _both(call, op)

    return apply


def _both(call: HostCall, op: str) -> Hosted:
    """Return a function of two values that depend on the input."""
    x, y = call.numbers(0), call.numbers(1)
    fits = len(x.shape) == len(y.shape) and all(
        1 in pair or pair[0] == pair[1] for pair in zip(x.shape, y.shape, strict=True)
    )
    if not fits:
        raise RefusedError(
            f"its operands must have shapes that fit, not {['batch', *x.shape]} and"
            f" {['batch', *y.shape]}"
        )
    shape = tuple(map(max, x.shape, y.shape))
    made = Applied(op, (x.expression, y.expression), shape)
    return Hosted(made, x.dtype, x.origin, x.reason or y.reason)


for _op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"):
    declare = also(_op, instead=_op != "Pow") if ("", _op) in RULES else host(_op, inputs=2)
    declare(_arithmetic(_op))
