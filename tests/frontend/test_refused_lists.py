"""Inputs that list sizes, axes or places must be lists: of one axis, not of two."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from frontend.onnx_models import Net, imported

Build = Callable[[Net, str], str]


def pad(n: Net, x: str) -> str:
    return n.node("Pad", x, n.const([[0, 0, 1, 1], [0, 0, 1, 1]], np.int64))


def slice_(which: int) -> Build:
    def build(n: Net, x: str) -> str:
        parts = [[0], [2], [1], [1]]
        lists = [[p] if k == which else p for k, p in enumerate(parts)]
        return n.node("Slice", x, *(n.const(v, np.int64) for v in lists))

    return build


def listed(op: str, value: list[int], *between: str, **options: Any) -> Build:
    return lambda n, x: n.node(op, x, *between, n.const([value], np.int64), **options)


CASES: dict[str, tuple[Build, str]] = {
    "Pad": (pad, "pads must be a list of integers, not of shape [2, 4]"),
    "Slice starts": (slice_(0), "starts must be a list of integers, not of shape [1, 1]"),
    "Slice ends": (slice_(1), "ends must be a list of integers"),
    "Slice axes": (slice_(2), "axes must be a list of integers"),
    "Slice steps": (slice_(3), "steps must be a list of integers"),
    "Unsqueeze": (listed("Unsqueeze", [2]), "axes must be a list of integers"),
    "ReduceSum": (listed("ReduceSum", [2, 3]), "axes must be a list of integers"),
    "Tile": (listed("Tile", [1, 1, 1, 1]), "its repeats must be a list of integers"),
    "Expand": (listed("Expand", [1, 4, 4, 4]), "its shape must be a list of constant integers"),
    "Split": (listed("Split", [4], axis=1), "its sizes must be a list of integers"),
    "TopK": (listed("TopK", [2], axis=1), "k must be a list of integers"),
    "Resize": (listed("Resize", [1, 4, 8, 8], "", ""), "sizes must be a list of integers"),
    "scales": (
        lambda n, x: n.node("Resize", x, "", n.const([[1.0, 1, 2, 2]])),
        "its scales must be a list, not of shape [1, 4]",
    ),
}


EMPTY: dict[str, tuple[Build, str]] = {
    "Split": (
        lambda n, x: n.node("Split", x, n.const([], np.int64), axis=1),
        "its 1 sizes must be at least 1 each and 4 together, not []",
    ),
    "Squeeze": (
        lambda n, x: n.node("Squeeze", x, n.const([], np.int64)),
        "axes must not be an empty list",
    ),
}
"""Lists that are given and empty are not lists that are left out."""


@pytest.mark.parametrize("case", EMPTY)
def test_an_empty_list_is_given(case: str, tmp_path: Path) -> None:
    build, reason = EMPTY[case]
    net = Net(1, 2, 4, 4, opset=13)
    y = build(net, net.conv(net.quant("x", 0.25), 4, 2, 1, 1))
    with pytest.raises(UnsupportedError, match=re.escape(reason)):
        imported(net.proto(y), tmp_path)


@pytest.mark.parametrize("case", CASES)
def test_a_list_has_one_axis(case: str, tmp_path: Path) -> None:
    build, reason = CASES[case]
    net = Net(1, 2, 4, 4, opset=13)
    y = build(net, net.conv(net.quant("x", 0.25), 4, 2, 1, 1))
    with pytest.raises(UnsupportedError, match=re.escape(reason)):
        imported(net.proto(y), tmp_path)
