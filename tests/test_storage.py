"""Files are either complete or absent, whatever the disk does."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bitrill import storage
from bitrill.errors import StorageError
from support import HANG_SECONDS


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "x"
    storage.write_bytes(path, b"\x00\xff")
    assert storage.read_bytes(path) == b"\x00\xff"
    storage.write_text(path, "µ")
    assert path.read_bytes() == "µ".encode()
    assert [p.name for p in path.parent.iterdir()] == ["x"]


def test_json_has_sorted_keys_and_one_form(tmp_path: Path) -> None:
    storage.write_json(tmp_path / "a", {"b": 1, "a": [2]})
    storage.write_json(tmp_path / "b", {"a": [2], "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert storage.read_json(tmp_path / "a") == {"a": [2], "b": 1}


def test_arrays_keep_their_type(tmp_path: Path) -> None:
    storage.write_array(tmp_path / "x.npy", np.arange(3, dtype=np.int16))
    x = np.load(tmp_path / "x.npy")
    assert (x.dtype, x.tolist()) == (np.int16, [0, 1, 2])


@pytest.mark.parametrize("step", ["write", "fsync", "replace", "mkstemp"])
def test_a_full_disk_leaves_the_old_file(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    storage.write_bytes(path, b"old")

    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full:
        def __init__(self, handle: int, mode: str):
            self.handle = handle

        def __enter__(self):
            return self

        def __exit__(self, *args):
            os.close(self.handle)

        write = fail

    if step == "write":
        monkeypatch.setattr(storage.os, "fdopen", Full)
    else:
        monkeypatch.setattr(storage.tempfile if step == "mkstemp" else storage.os, step, fail)
    message = re.escape(f"cannot write {path}: No space left on device")
    with pytest.raises(StorageError, match=message):
        storage.write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_limit_of_file_size_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path; from bitrill import storage\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "storage.write_bytes(Path(sys.argv[1]), bytes(10000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x")],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.stderr.splitlines()[-1] == (
        f"bitrill.errors.StorageError: cannot write {tmp_path / 'x'}: File too large"
    )
    assert list(tmp_path.iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_leaves_the_old_file(
    error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    storage.write_bytes(path, b"old")

    def interrupted(handle: int) -> None:
        raise error

    monkeypatch.setattr(storage.os, "fsync", interrupted)
    with pytest.raises(error):
        storage.write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(StorageError, match=re.escape(f"cannot write {tmp_path / 'x' / 'y'}: ")):
        storage.write_bytes(tmp_path / "x" / "y", b"")


def test_a_read_only_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args, **kwargs):  # the superuser may write anywhere, so the refusal is played
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(storage.tempfile, "mkstemp", refuse)
    message = re.escape(f"cannot write {tmp_path / 'x'}: Permission denied")
    with pytest.raises(StorageError, match=message):
        storage.write_bytes(tmp_path / "x", b"")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=re.escape(f"cannot read {tmp_path / 'x'}: No such")):
        storage.read_bytes(tmp_path / "x")
    with pytest.raises(StorageError, match=re.escape(f"cannot read {tmp_path}: Is a directory")):
        storage.read_json(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_named(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(StorageError, match=re.escape(f"{tmp_path / 'x'} must be JSON: ")):
        storage.read_json(tmp_path / "x")


def test_remove_is_content_when_nothing_is_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    storage.remove(tmp_path / "x")
    storage.remove(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageError, match=re.escape(f"cannot remove {tmp_path}: ")):
        storage.remove(tmp_path)


def test_json_that_python_alone_understands_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write_json(tmp_path / "x", {"a": float("nan")})
    assert json.dumps({"a": float("nan")}) == '{"a": NaN}'  # what the default would have written
