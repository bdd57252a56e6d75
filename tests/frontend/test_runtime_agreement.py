"""Quantized files of other tools are what ONNX Runtime computes, up to its rounding of floats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.lowering import to_integer
from frontend.onnx_models import imported, save
from frontend.runtime_files import FILES, shapes
from frontend.runtime_proof import Compared, compare

OPTIMIZED = "QOperator, u8s8"
"""Only where graphs are optimised does the runtime keep u8 times s8 from saturating."""


def examined(style: str, folder: Path, n: int) -> Compared:
    proto = FILES[style](folder)
    graph = imported(proto, folder)
    x = np.random.default_rng(5).normal(0, 1, (n, *shapes(proto))).astype(np.float32)
    return compare(proto, [graph, to_integer(graph)], x, optimize=OPTIMIZED in style)


@pytest.mark.parametrize("style", [s for s in FILES if "dynamo" not in s])
def test_twenty_frames(style: str, tmp_path: Path) -> None:
    assert examined(style, tmp_path, 20).frames == 20


@pytest.mark.nightly
@pytest.mark.parametrize("style", FILES)
def test_a_thousand_frames(style: str, tmp_path: Path) -> None:
    print(f"\n{style}: {examined(style, tmp_path, 1000)}")


@pytest.mark.nightly
def test_in_verilog(tmp_path: Path) -> None:
    """Residual and concatenated branches of ONNX Runtime's QDQ, in Verilator with stalls."""
    proto = FILES["ONNX Runtime, QDQ, u8s8, branches"](tmp_path)
    build = flow.compile(save(proto, tmp_path), out=tmp_path / "build").build
    assert flow.verify(build, samples=4, stall=0.3).ok
