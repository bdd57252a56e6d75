"""Data sets, files and random inputs as a design's integers."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import SpecError, StorageError
from bitrill.flow import data
from bitrill.ir import IntType, Tensor
from flow.helpers import frames, refused


def npy(array: np.ndarray, *, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros(3))
    return buffer.getvalue()


def header(text: str) -> bytes:
    """The beginning of a file, whose header numpy evaluates."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, StorageError, "No such file or directory"),
        (b"", StorageError, "must be a complete .npy array of numbers"),
        (b"hello", StorageError, "must be a complete .npy array of numbers"),
        (npy(np.zeros((3, 6)))[:-1], StorageError, "must be a complete .npy array of numbers"),
        (npy(np.zeros((3, 6)))[:40], StorageError, "must be a complete .npy array of numbers"),
        (
            npy(np.zeros((1, 6))).replace(b"(1, 6), }   ", b"(10000000,)}"),
            StorageError,
            "must be a complete .npy array of numbers",
        ),
        (
            npy(np.array([{}], dtype=object), pickled=True),
            StorageError,
            "must be a complete .npy array of numbers",
        ),
        (archive(), StorageError, "must be a complete .npy array of numbers"),
        (npy(np.array(["a"])), SpecError, "must hold integers or floats, not <U1"),
        (npy(np.array([True])), SpecError, "must hold integers or floats, not bool"),
        (npy(np.array([1j])), SpecError, "must hold integers or floats, not complex128"),
        (npy(np.zeros(2, np.longdouble)), SpecError, "must hold numbers of at most 64 bits"),
        (npy(np.zeros(1, [("a", "f4")])), SpecError, "must hold integers or floats, not [('a',"),
        (
            header("(" * 4000 + ")" * 4000),
            StorageError,
            f"numbers: Cannot parse header: '{'(' * 50}",
        ),
        (header("{'descr': '<f8', 'shape': (3,)}"), StorageError, "numbers: Header does not"),
        (
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (10**99, 3)}"),
            StorageError,
            "must be a complete .npy array of numbers",
        ),
    ],
)
def test_a_bad_array_file_is_named(
    content: bytes | None, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error) as caught:
        data.read_array(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 300


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    with refused(StorageError, "pipe.npy: it is a pipe, no file"):
        data.read_array(tmp_path / "pipe.npy")
    with refused(StorageError, f"{tmp_path}: Is a directory"):
        data.read_array(tmp_path)
    with refused(StorageError, "/dev/zero: it is a device, no file"):
        data.read_array(Path("/dev/zero"))


def test_random_inputs_hold_both_ends_and_follow_the_seed(whole: flow.Compiled) -> None:
    graph = whole.build.graph
    x = data.random_inputs(graph, 50, 3)
    assert x.shape == (50, 1, 2, 3)
    assert (x[0] == -8).all()
    assert (x[1] == 7).all()
    assert np.array_equal(x, data.random_inputs(graph, 50, 3))
    assert not np.array_equal(x, data.random_inputs(graph, 50, 4))
    assert data.random_inputs(graph, 1, 0).shape == (1, 1, 2, 3)


@pytest.mark.parametrize(
    ("name", "count", "message"),
    [
        (
            "cifar",
            None,
            "data must be one of digits, mnist, fashion, cifar10, canvas, tones, flows, random",
        ),
        ("random", 0, "samples must be at least 1, not 0"),
        ("digits", None, "digits has 64 values per sample, but the model takes 6"),
        ("cifar10", None, "cifar10 has 3072 values per sample, but the model takes 6"),
    ],
)
def test_wrong_data_is_named(
    whole: flow.Compiled, name: str, count: int | None, message: str
) -> None:
    with refused(SpecError, message):
        data.samples(whole.build.graph, name, count, 0)


def test_data_from_a_file_is_cut_to_the_count(whole: flow.Compiled, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", frames(9))
    path = str(tmp_path / "x.npy")
    assert len(data.samples(whole.build.graph, path, 4, 0).x) == 4
    assert len(data.samples(whole.build.graph, path, None, 0).x) == 9
    np.save(tmp_path / "x.npy", frames(0))
    with refused(SpecError, "the data must hold at least one sample, not 0"):
        data.samples(whole.build.graph, path, None, 0)


def test_a_raw_design_takes_a_data_set_on_its_grid(whole: flow.Compiled) -> None:
    source = whole.build.graph.source
    raw = source.__class__(shape=source.shape, tensor=source.tensor, raw_scale="1/16")
    graph = whole.build.graph.replace(source=raw)
    x = (np.arange(-3, 3) / 16).astype(np.float32).reshape(1, 1, 2, 3)
    assert data.on_grid(graph, x).reshape(-1).tolist() == [-3, -2, -1, 0, 1, 2]
    with refused(SpecError, "the data must be multiples of the input scale 1/16, and are not"):
        data.on_grid(graph, x + np.float32(0.01))


def test_a_raw_design_takes_data_on_a_grid_by_channel(whole: flow.Compiled) -> None:
    source = whole.build.graph.source
    scales, offsets = ("1/16", "1/3"), ("0", "-2/7")
    tensor = Tensor((2, 3, 2), IntType(0, 255))
    raw = source.__class__(shape=(2, 2, 3), tensor=tensor, raw_scale=scales, raw_offset=offsets)
    graph = whole.build.graph.replace(source=raw)
    n = np.arange(24).reshape(2, 2, 2, 3)
    x = np.stack([n[:, 0] / 16, n[:, 1] / 3 - 2 / 7], 1).astype(np.float32)
    assert np.array_equal(data.on_grid(graph, x), n)
    assert np.array_equal(data.to_integers(graph, n), n)
    with refused(SpecError, "multiples of the input scale 1/3 plus -2/7, and are not"):
        data.on_grid(graph, x + np.float32(1 / 16))
