"""Tests of the operator `Window`: golden model, hardware and schedule."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import Window
from bitrill.timing.predict import predict
from ops.suite import OperatorSuite, alone
from ops.test_pad import spread

S = IntType(-4, 3)


def window(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...] | None = None,
    simd: int = 1,
    style: Any = "folded",
    dilation: tuple[int, ...] = (),
    type: IntType = BIPOLAR,
) -> Window:
    op = Window(
        name="win",
        inputs=("input",),
        operands=(Tensor(shape, type),),
        kernel=kernel,
        stride=stride or (1,) * len(kernel),
        dilation=dilation,
    )
    if style == "parallel":
        return op.replace(impl=Impl(simd=shape[-1], pe=op.y.channels, style=style))
    return op.replace(impl=Impl(simd=simd, pe=simd, style=style))


SHAPES = {
    "square": window((4, 5, 2), (3, 3)),
    "neither square": window((5, 3, 1), (2, 3), type=S),
    "kernel as large as the frame": window((3, 4, 2), (3, 4)),
    "one place": window((1, 1, 2), (1, 1)),
    "one tap, stride 2": window((4, 5, 1), (1, 1), (2, 2), type=S),
    "one tap": window((2, 3, 1), (1, 1), type=S),
    "stride 2": window((5, 6, 2), (3, 3), (2, 2)),
    "stride above the kernel": window((5, 7, 1), (2, 2), (3, 4), type=S),
    "strides differ, the rest swallowed": window((6, 6, 1), (3, 2), (1, 3)),
    "dilation 2": window((6, 5, 1), (3, 2), (1, 1), dilation=(2, 2), type=S),
    "dilations and strides differ": window((5, 7, 1), (2, 3), (2, 1), dilation=(1, 3)),
    "one axis": window((7, 2), (3,), (2,), dilation=(2,)),
    "a row": window((1, 6, 1), (1, 4), type=S),
    "a column": window((6, 1, 1), (4, 1), type=S),
    "one row less": window((3, 4, 1), (2, 4)),
}


class TestWindow(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        wide: dict[str, Operator] = {
            "two of four channels": window((4, 4, 4), (3, 3), simd=2),
            "lanes of a pixel": window((4, 4, 3), (3, 2), simd=3),
        }
        parallel: dict[str, Operator] = {
            f"parallel, {name}": window(
                op.x.shape,
                op.kernel,
                op.stride,
                style="parallel",
                dilation=op.dilation,
                type=op.x.type,
            )
            for name, op in SHAPES.items()
            if name not in ("square", "one tap", "a row", "stride 2")
        }
        return wide | SHAPES | parallel

    def corners(self, op: Operator) -> np.ndarray:
        return spread(op, 2)

    def oracle(self, op: Operator, *xs: Any) -> list:
        assert isinstance(op, Window)
        (x,) = xs
        if len(op.kernel) == 1:
            (k,), (s,), (d,) = op.kernel, op.stride, op.dilation or (1,)
            n = (len(x) - (k - 1) * d - 1) // s + 1
            return [[v for t in range(k) for v in x[i * s + t * d]] for i in range(n)]
        (kh, kw), (sh, sw), (dh, dw) = op.kernel, op.stride, op.dilation or (1, 1)
        height, width, _ = op.x.shape
        return [
            [
                [v for ky, kx in product(range(kh), range(kw)) for v in x[y + ky * dh][z + kx * dw]]
                for z in range(0, width - (kw - 1) * dw, sw)
            ]
            for y in range(0, height - (kh - 1) * dh, sh)
        ]


def test_a_line_buffer_holds_rows_and_pixels_of_the_kernel_but_one_row() -> None:
    """(k - 1) rows of W pixels and k pixels, times the dilation."""
    for style in ("folded", "parallel"):
        op = window((9, 8, 4), (3, 3), simd=4, style=style)
        assert op.cost().state_bits == (2 * 8 + 3) * 4
        op = window((9, 8, 4), (3, 3), simd=4, style=style, dilation=(2, 2))
        assert op.cost().state_bits == (4 * 8 + 5) * 4


RATES = [
    ((9, 12), (3, 3), (1, 1), (), 641),
    ((9, 12), (3, 3), (2, 2), (), 192),
    ((12, 12), (2, 2), (2, 2), (), 192),
    ((12, 12), (3, 3), (3, 3), (), 188),
    ((11, 9), (1, 1), (2, 2), (), 99),
    ((9, 12), (3, 2), (2, 2), (2, 1), 156),
    ((40, 7), (3, 3), (1, 1), (), 1711),
    ((40, 7), (3, 3), (2, 1), (), 863),
]


@pytest.mark.parametrize(("shape", "kernel", "stride", "dilation", "cycles"), RATES)
def test_the_interval_counts_what_windows_wait_for(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    cycles: int,
) -> None:
    """The interval is that of the whole network; of two beats a pixel at most twice that."""
    op = window((*shape, 2), kernel, stride, 2, dilation=dilation)
    assert op.interval == predict(alone(op)).ii == cycles
    halves = op.replace(impl=Impl(simd=1, pe=1))
    assert predict(alone(halves)).ii <= halves.interval == 2 * cycles
    parallel = window((*shape, 2), kernel, stride, style="parallel", dilation=dilation)
    assert parallel.interval == predict(alone(parallel)).ii == np.prod(shape)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": (3,)}, r"win: kernel must have 2 sizes of at least 1, not \(3,\)"),
        ({"kernel": (0, 2)}, r"win: kernel must have 2 sizes of at least 1, not \(0, 2\)"),
        (
            {"stride": (0, 1), "dilation": (1, 1, 1)},
            r"win: stride must have 2 sizes of at least 1, not \(0, 1\); dilation must have 2",
        ),
        (
            {"kernel": (5, 2), "stride": (1, 7)},
            r"win: kernel must span at most the input's \(4, 6\), not \(5, 2\);"
            r" stride must be at most the input's \(4, 6\), not \(1, 7\)",
        ),
        (
            {"kernel": (2, 3), "dilation": (1, 3)},
            r"win: kernel must span at most the input's \(4, 6\), not \(2, 7\)",
        ),
        (
            {"operands": (Tensor((8,), S),)},
            r"win: x must have shape \(H, W, C\) or \(L, C\), not \(8,\)",
        ),
        ({"impl": Impl(simd=3, pe=3)}, r"win: PE must divide 4 channels, not 3 \(nearest: 2 or"),
        ({"impl": Impl(simd=2, pe=1)}, r"win: SIMD must equal PE \(1\), not 2"),
        (
            {"impl": Impl(simd=4, pe=4, style="parallel")},
            "win: SIMD and PE of a parallel window must be 4 and 16, not 4 and 4",
        ),
        (
            {"impl": Impl(style="search")},
            "win: the style of window must be 'folded' or 'parallel', not 'search'",
        ),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        window((4, 6, 4), (2, 2)).replace(**changes)


def test_one_axis_is_told_as_one() -> None:
    with pytest.raises(SpecError, match=r"at most the input's \(4,\), not \(5,\)$"):
        window((4, 2), (5,))


@pytest.mark.parametrize("frames", [0, 1, 2])
@pytest.mark.parametrize("op", SHAPES.values(), ids=SHAPES)
def test_columns_are_the_taps_of_every_window(op: Window, frames: int) -> None:
    """Frames as ONNX orders them, too: numpy says any stride of their single channel."""
    shape = op.x.shape
    x = np.arange(frames * op.x.size, dtype=np.float32).reshape(frames, shape[-1], *shape[:-1])
    x = np.moveaxis(x, 1, -1)
    taps = np.stack(op.windows.taps(x), axis=-2)
    expected = taps.reshape(*taps.shape[:3], op.y.channels)
    assert np.array_equal(op.windows.columns(x), expected)
