"""Small files that ask for large results are refused before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import SpecError, UnsupportedError
from bitrill.exact import from_json, rational
from bitrill.flow.data import random_inputs
from bitrill.flow.import_and_fold import parse_scale
from bitrill.frontend.reader.limits import results_of
from bitrill.ir import IntType, Tensor
from bitrill.ops import MaxPool, SumPool
from frontend.onnx_models import Net, imported


def doubled(net: Net, x: str, times: int) -> str:
    for _ in range(times):
        x = net.node("Concat", x, x, axis=1)
    return x


def deconv(net: Net, x: str, **attributes: object) -> str:
    return net.node("ConvTranspose", x, net.kernel(1, 1, 3, 3), **attributes)


FAR = [1 << 19] * 4
ELEMENTS = (
    r"its result must have at most 1048576 elements \(2\*\*20, or 64 times the input's\), not"
)

LARGE: dict[str, tuple[Callable[[Net, str], str], str]] = {
    "conv": (lambda n, x: n.conv(x, 1, 1, 3, 3, pads=FAR), ELEMENTS),
    "max": (lambda n, x: n.node("MaxPool", x, kernel_shape=[2, 2], pads=FAR), ELEMENTS),
    "average": (
        lambda n, x: n.node("AveragePool", x, kernel_shape=[2, 2], pads=FAR, count_include_pad=1),
        ELEMENTS,
    ),
    "deconv": (lambda n, x: deconv(n, x, strides=[1 << 15] * 2), ELEMENTS),
    "channels": (lambda n, x: n.conv(x, 1 << 15, 1, 1, 1), ELEMENTS),
    "concat": (
        lambda n, x: doubled(n, n.conv(x, 1, 1, 8, 8), 40),
        "its result must have at most 1048576 elements",
    ),
    "upsample": (
        lambda n, x: n.node("Upsample", x, n.const([1, 1, 1000, 1000]), mode="nearest"),
        "its result must have at most|its result must have at most",
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_results_are_refused(tmp_path: Path, name: str) -> None:
    make, why = LARGE[name]
    net = Net(1, 1, 8, 8, opset=9 if name == "upsample" else 11)
    with pytest.raises(UnsupportedError, match=why):
        imported(net.proto(make(net, net.quant("x", 0.5))), tmp_path)


def test_constants_that_double_are_refused(tmp_path: Path) -> None:
    net = Net(1, 4)
    w = net.const(np.ones((4, 4)))
    for _ in range(40):
        w = net.node("Concat", w, w, axis=1)
    with pytest.raises(UnsupportedError, match="its result must have at most 262144 elements"):
        imported(net.proto(net.node("MatMul", net.quant("x", 0.5), w)), tmp_path)


def test_results_grow_with_the_input() -> None:
    assert [results_of(n) for n in (1, 1 << 14, 1 << 15, 1 << 20)] == [
        1 << 20,
        1 << 20,
        1 << 21,
        1 << 24,
    ]


@pytest.mark.parametrize("kind", [MaxPool, SumPool])
@pytest.mark.parametrize("stride", [1, 3])
def test_windows_are_merged_row_by_row(kind: type[MaxPool] | type[SumPool], stride: int) -> None:
    x = np.random.default_rng(0).integers(-8, 8, (2, 9, 11, 3))
    op = kind(
        name="pool",
        inputs=("x",),
        operands=(Tensor((9, 11, 3), IntType(-8, 7)),),
        kernel=(4, 5),
        stride=(stride, stride),
    )
    merge = np.max if kind is MaxPool else np.sum
    want = [
        [merge(x[:, r : r + 4, c : c + 5], axis=(1, 2)) for c in range(0, 7, stride)]
        for r in range(0, 6, stride)
    ]
    assert (op.eval(x) == np.moveaxis(np.array(want), 2, 0)).all()


@pytest.mark.parametrize("text", ["1e4097", "1e-1000000000", "1E+9_9_9_9", "1" * 5000, "x", ""])
def test_numbers_of_many_digits_are_not_computed(text: str) -> None:
    with pytest.raises(ValueError, match=r"at most 4096 digits|Invalid literal"):
        rational(text)
    with pytest.raises(ValueError, match=r"at most 4096 digits|Invalid literal"):
        from_json([[2, text]])


def test_numbers_of_few_digits() -> None:
    assert [rational(t) for t in ("1/255", "0.5", "1e-3", "2E2")] == [
        Fraction(1, 255),
        Fraction(1, 2),
        Fraction(1, 1000),
        200,
    ]


@pytest.mark.parametrize(
    ("scale", "why"),
    [
        ("1e400", "1e-300 to 1e300"),
        ("1e-999", "1e-300 to 1e300"),
        ("1e1000000000", "such as 1/255"),
    ],
)
def test_scales_of_raw_inputs(scale: str, why: str) -> None:
    with pytest.raises(SpecError, match=f"the input scale must be .*{why}, not"):
        parse_scale(scale)


def test_random_samples_are_bounded(tmp_path: Path) -> None:
    net = Net(1, 8)
    graph = imported(net.proto(net.dense(net.quant("x", 0.5), 8, 2)), tmp_path)
    with pytest.raises(SpecError, match="together: 16777216 samples, not 1000000000"):
        random_inputs(graph, 10**9, 0)
