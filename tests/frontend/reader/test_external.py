"""Tensor data in other files: only below the model's folder, no links, within the file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill.errors import StorageError, UnsupportedError
from bitrill.frontend import load_model
from bitrill.frontend.reader import limits
from frontend.onnx_models import imported, save, small
from onnx import TensorProto

N_BYTES = 5 * 6 * 4


def external(location: str, **entries: str) -> tuple[onnx.ModelProto, bytes]:
    """The small model with its first weights elsewhere, and their bytes."""
    net, out = small()
    proto = net.proto(out)
    tensor = next(t for t in proto.graph.initializer if list(t.dims) == [5, 6])
    data = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return proto, data


@pytest.mark.parametrize("location", ["w.bin", "sub/w.bin", "./w.bin"])
def test_data_below_the_folder_are_read(tmp_path: Path, location: str) -> None:
    proto, data = external(location, offset="8", length=str(N_BYTES))
    (tmp_path / location).parent.mkdir(exist_ok=True)
    (tmp_path / location).write_bytes(b"12345678" + data + b"more")
    net, out = small()
    (tmp_path / "plain").mkdir()
    want = imported(net.proto(out), tmp_path / "plain").nodes[0]
    got = imported(proto, tmp_path).nodes[0]
    assert np.array_equal(got.weights, want.weights)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "location", ["../w.bin", "sub/../../w.bin", "/etc/passwd", "", "~/w", "c:\\w", "a\\b", "a\nb"]
)
def test_data_elsewhere_are_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "sub").mkdir()
    folder = tmp_path / "m"
    folder.mkdir()
    proto, data = external(location)
    (tmp_path / "w.bin").write_bytes(data)
    with pytest.raises(UnsupportedError, match="must lie below the model's own folder, not at"):
        imported(proto, folder)


def test_links_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    proto, data = external("w.bin")
    (tmp_path / "w.bin").write_bytes(data)
    (folder / "w.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(UnsupportedError, match=r"must not lie behind a link, as 'w.bin' does"):
        imported(proto, folder)
    (folder / "sub").symlink_to(tmp_path)
    proto, _ = external("sub/w.bin")
    with pytest.raises(UnsupportedError, match=r"must not lie behind a link, as 'sub/w.bin' does"):
        imported(proto, folder)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": "1"}, "must lie within its file of 120 bytes, not at 1..121"),
        ({"length": "119"}, "must have 120 bytes, not 119"),
        ({"offset": "-1"}, "offset must be a number of bytes, not '-1'"),
        ({"length": "9" * 30}, "length must be a number of bytes, not"),
    ],
)
def test_places_beyond_the_file_are_refused(
    tmp_path: Path, entries: dict[str, str], message: str
) -> None:
    proto, data = external("w.bin", **entries)
    (tmp_path / "w.bin").write_bytes(data)
    with pytest.raises(UnsupportedError, match=message):
        imported(proto, tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    proto, _ = external("w.bin")
    path = save(proto, tmp_path)
    with pytest.raises(StorageError, match=r"cannot read .*w.bin: No such file"):
        load_model(path)
    os.mkfifo(tmp_path / "w.bin")
    with pytest.raises(UnsupportedError, match=r"must be a plain file, not 'w.bin'"):
        load_model(path)
    (tmp_path / "w.bin").unlink()
    (tmp_path / "w.bin").mkdir()
    with pytest.raises(UnsupportedError, match=r"must be a plain file, not 'w.bin'"):
        load_model(path)


def test_the_amount_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proto, data = external("w.bin")
    (tmp_path / "w.bin").write_bytes(data * 100)
    path = save(proto, tmp_path)
    monkeypatch.setattr(limits, "FILE_BYTES", path.stat().st_size)
    tensor = next(t for t in proto.graph.initializer if t.data_location == TensorProto.EXTERNAL)
    del tensor.dims[:]
    tensor.dims.extend([50, 60])
    with pytest.raises(
        UnsupportedError, match=r"external data must have at most .* bytes together"
    ):
        imported(proto, tmp_path)
