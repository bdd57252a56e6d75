"""Small networks with one construct that is refused each, and a check of the message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend.reader import limits
from frontend.onnx_models import Net, imported

Build = Callable[[Net], str]


def at(opset: int, build: Build) -> Build:
    """The same model, of another opset."""

    def built(n: Net) -> str:
        n.opset = opset
        return build(n)

    return built


def dense(n: Net, **quant: object) -> str:
    """One layer on quantized data."""
    return n.dense(n.quant("x", 0.5), 6, 4, **quant)  # type: ignore[arg-type]


def on_layer(op: str, *constants: object, **attributes: object) -> Build:
    """A model with ``op`` on one layer's result and constants."""
    return lambda n: n.node(op, dense(n), *[n.const(c) for c in constants], **attributes)


def of_constants(op: str, *constants: object, **attributes: object) -> Build:
    """A model that adds the result of ``op`` on constants to a layer."""
    return lambda n: n.node(
        "Add", dense(n), n.node(op, *[n.const(c) for c in constants], **attributes)
    )


def of_integers(op: str, *constants: object, **attributes: object) -> Build:
    """A model with a Reshape to the result of ``op`` on int64 constants."""
    return lambda n: n.node(
        "Reshape", dense(n), n.node(op, *[n.const(c, np.int64) for c in constants], **attributes)
    )


def quantized(*values: object, **options: object) -> Build:
    return lambda n: n.quant(dense(n), *values, **options)  # type: ignore[arg-type]


def weights(**options: object) -> Build:
    return lambda n: dense(n, **options)


def reshaped(*shape: int) -> Build:
    return lambda n: n.node("Reshape", dense(n), n.shape_const(*shape))


def named(n: Net, op: str, **attributes: object) -> str:
    """A Quant whose attributes are given one by one."""
    parts = [n.const(v) for v in (0.5, 0.0, 4.0)]
    return n.node(op, dense(n), *parts, domain="onnx.brevitas", **attributes)


def two_readers(n: Net) -> str:
    q = n.quant("x", 0.5)
    first, second = n.dense(q, 6, 4), n.dense(q, 6, 4)
    return n.node("Div", first, second)


def batch_axis(n: Net) -> str:
    n.shape, n.opset = ("N", 6), 13
    return n.node("Unsqueeze", dense(n), n.node("Shape", "x"))


def batch_sized(n: Net) -> str:
    n.shape, n.opset = ("N", 6), 13  # Pow takes integers from opset 12 on
    size = n.node("Gather", n.node("Shape", "x"), n.const(0, np.int64))
    return n.node("Mul", dense(n), n.node("Pow", n.const(2.0), size))


def batch_behind(n: Net) -> str:
    n.shape = ("N", 6)
    size = n.node("Gather", n.node("Shape", "x"), n.shape_const(0))
    return n.node("Reshape", dense(n), n.node("Concat", n.shape_const(4), size, axis=0))


def batch_cast(n: Net) -> str:
    n.shape = ("N", 6)
    return n.node("Mul", dense(n), n.node("Cast", n.node("Shape", "x"), to=1))


def clips(n: Net) -> str:
    x = dense(n)
    for k in range(limits.STEPS + 1):
        x = n.node("Clip", x, n.const(-k - 1.0))
    return n.quant(x, 0.5)


def squares(n: Net) -> str:
    c = n.const(1.1)
    for _ in range(12):
        c = n.node("Mul", c, c)
    return n.node("Mul", dense(n), c)


def roots(n: Net) -> str:
    c = n.const(0.0)
    for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23):
        c = n.node("Add", c, n.node("Sqrt", n.const(float(prime))))
    return n.node("Mul", dense(n), c)


def two_input_quantizers(n: Net) -> str:
    return n.node("Add", n.dense(n.quant("x", 0.5), 6, 4), n.dense(n.quant("x", 0.25), 6, 4))


def no_layer(n: Net) -> str:
    return n.quant("x", 0.5)


def gemm(n: Net, **attributes: object) -> str:
    return n.node("Gemm", n.quant("x", 0.5), n.weights(6, 4), **attributes)


def normed(n: Net, *parts: object, **attributes: object) -> str:
    return n.node("BatchNormalization", dense(n), *[n.const(p) for p in parts], **attributes)


ONES = [1.0] * 4


def check_refused(case: tuple[Build, str], folder: Path, *shape: int, opset: int = 11) -> None:
    """Check that the import is refused with that message, on one line."""
    build, message = case
    net = Net(*shape, opset=opset)
    proto = net.proto(build(net))
    proto.graph.input[0].CopyFrom(Net(*net.shape).proto("x").graph.input[0])
    with pytest.raises(UnsupportedError, match=message) as caught:
        imported(proto, folder)
    assert "\n" not in str(caught.value)
