"""The verb `run`: what it gives and leaves, which inputs it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import SpecError
from flow.helpers import frames, refused


def test_run_quantizes_floats_and_takes_integers(whole: flow.Compiled) -> None:
    x = frames(30)
    graph = whole.build.graph
    q = graph.source.quantize(x)
    outputs = flow.run(whole.build, x)
    assert np.array_equal(outputs.integers, graph.run(q))
    assert np.array_equal(flow.run(whole.build, q).integers, outputs.integers)
    assert np.array_equal(
        outputs.floats, graph.sink.dequantize(outputs.integers).astype(np.float32)
    )
    assert (outputs.integers.dtype, outputs.floats.dtype) == (np.int64, np.float32)


def test_run_leaves_floats_and_integers(whole: flow.Compiled, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", frames(7).astype(np.float32))
    outputs = flow.run(whole.build.folder, tmp_path / "x.npy", out=tmp_path / "y.npy")
    assert np.array_equal(np.load(tmp_path / "y.npy"), outputs.floats)
    assert np.array_equal(np.load(tmp_path / "y.int.npy"), outputs.integers)


def test_run_may_write_over_its_own_input(whole: flow.Compiled, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", frames(7))
    outputs = flow.run(whole.build, tmp_path / "x.npy", out=tmp_path / "x.npy")
    assert np.array_equal(np.load(tmp_path / "x.npy"), outputs.floats)


def test_run_of_no_frames_gives_none(whole: flow.Compiled, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", frames(0))
    assert flow.run(whole.build, tmp_path / "x.npy").integers.shape == (0, 3)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 6)), "input must have shape [N, 1, 2, 3], not [4, 6]"),
        (np.float64(1), "input must have shape [N, 1, 2, 3], not []"),
        (np.zeros((0, 6)), "input must have shape [N, 1, 2, 3], not [0, 6]"),
        (np.full((2, 1, 2, 3), 99), "input must hold values of int4[-8..7], not 99..99"),
        (np.full((2, 1, 2, 3), np.nan), "input must be finite, but holds NaN or infinity"),
        (np.full((1, 1, 2, 3), "a"), "input must hold integers (quantize floats first), not <U1"),
    ],
)
def test_a_wrong_input_is_named(whole: flow.Compiled, x: np.ndarray, message: str) -> None:
    with refused(SpecError, message):
        flow.run(whole.build, x)


def test_the_output_file_must_be_an_array(whole: flow.Compiled, tmp_path: Path) -> None:
    with refused(SpecError, "the output file must end in .npy, not 'y.csv'"):
        flow.run(whole.build, frames(1), out=tmp_path / "y.csv")
