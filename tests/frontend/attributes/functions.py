"""Cases of activation functions, with their parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from frontend.attributes.cases import IMAGE, Cases, node
from frontend.attributes.differential import Case, X


def function(op: str, **several: tuple[Any, ...]) -> Cases:
    """A function of one number, plain and with each parameter at some values."""

    def cases(opset: int) -> Iterable[Case]:
        yield node(op, X)
        yield node(op, X, shape=IMAGE)
        for name, values in several.items():
            for value in values:
                yield node(op, X, **{name: value})

    return cases


def _logs() -> Iterable[Case]:
    """The logarithm of what is above 0."""
    yield node("Log", X, head=lambda net, x: net.node("Add", x, net.const(4.25)))


FUNCTIONS: dict[tuple[str, str], Cases] = {
    ("", "Abs"): function("Abs"),
    ("", "Celu"): function("Celu", alpha=(0.5, 2.0)),
    ("", "Elu"): function("Elu", alpha=(0.5, 2.0)),
    ("", "Erf"): function("Erf"),
    ("", "Exp"): function("Exp"),
    ("", "Gelu"): function("Gelu", approximate=("none", "tanh")),
    ("", "HardSigmoid"): function("HardSigmoid", alpha=(0.25, 0.5), beta=(0.25, 1.0)),
    ("", "HardSwish"): function("HardSwish"),
    ("", "Log"): lambda opset: [node("Log", X, refused="above 0"), *_logs()],
    ("", "Mish"): function("Mish"),
    ("", "Selu"): function("Selu", alpha=(0.5, 2.0), gamma=(0.5, 2.0)),
    ("", "Sigmoid"): function("Sigmoid"),
    ("", "Sign"): function("Sign"),
    ("", "Softplus"): function("Softplus"),
    ("", "Softsign"): function("Softsign"),
    ("", "Swish"): function("Swish", alpha=(0.5, 2.0)),
    ("", "Tanh"): function("Tanh"),
    ("", "ThresholdedRelu"): function("ThresholdedRelu", alpha=(0.75, -1.5)),
}
"""Cases by domain and operator, for a given opset."""
