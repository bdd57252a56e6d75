"""Writes the files of a build folder, all or none, and checks them before use.

``digests.json`` has the SHA-256 of every file that `compile` wrote. New files are written aside and
renamed into place, ``digests.json`` last, so a compile that fails leaves the earlier build. If
compile is ended between two renames, the next reader completes them (`settle`).
"""

import hashlib
import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import StorageError
from ..storage import read_bytes, remove, write_bytes

LOG = logging.getLogger("bitrill.flow")

FILES = ("graph.json", "weights.npz", "top.v", "timing.json", "folding.json")
"""Files of every build."""

REGISTERS = "registers.json"
"""Addresses of writable weights and thresholds; only in builds that have such."""

DIGESTS = "digests.json"

RESULTS = ("verify.json", "synth.json", "trace.npz", "report.html")
"""Files that other verbs write; removed when the build is compiled again."""

FOLDERS = ("boards", "check", "checkpoints", "ip", "sim", "synth")
"""Folders that verbs create in a build."""

READY = ".ready"
"""Folder of complete new files before they are renamed into place."""

NAMES_SHOWN = 3


def install(folder: Path, files: Mapping[str, bytes]) -> bytes:
    """Write the files of a build and their digests, all or none; return the digests' bytes."""
    digests = _digests({name: _sha(data) for name, data in files.items()})
    new = not folder.is_dir()
    stage = (folder.parent if new else folder) / f".{folder.name}.{secrets.token_hex(4)}"
    try:
        settle(folder)
        stage.mkdir(parents=True)
        for name, data in (*files.items(), (DIGESTS, digests)):
            write_bytes(stage / name, data)
        os.replace(stage, folder if new else folder / READY)
        settle(folder)
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror or error}") from error
    except StorageError as error:
        raise StorageError(str(error).replace(str(stage), str(folder))) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return digests


def settle(folder: Path) -> None:
    """Rename complete new files into place, if there are any left to rename."""
    ready = folder / READY
    if not ready.is_dir() or ready.is_symlink():
        return
    try:
        if (ready / DIGESTS).is_file():
            listed = _listed(ready / DIGESTS)
            for name in {REGISTERS, *RESULTS} - set(listed):
                remove(folder / name)
            for name in (*FILES, REGISTERS, DIGESTS):
                if (ready / name).is_file():
                    os.replace(ready / name, folder / name)
        shutil.rmtree(ready)
    except OSError as error:
        raise StorageError(
            f"the new files in {ready} cannot be moved to {folder}:"
            f" {error.strerror or error}; compile again"
        ) from error


def check_target(folder: Path) -> None:
    """Raise `StorageError` if a build cannot be written there: not a folder, or not a build's."""
    if not folder.is_dir():
        if os.path.lexists(folder):
            raise StorageError(f"cannot write a build to {folder}: it is not a folder")
        above = next((p for p in folder.absolute().parents if p.exists()), Path("/"))
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise StorageError(f"cannot write a build to {folder}: {above} is not a folder")
        return
    try:
        names = {name for name in os.listdir(folder) if not name.startswith(f".{folder.name}.")}
    except OSError as error:
        raise StorageError(f"cannot read {folder}: {error.strerror or error}") from error
    if names - {READY, *FOLDERS} and len(names & {*FILES, DIGESTS}) < 2:
        raise StorageError(
            f"{folder} is neither a build nor empty (it holds {_some(names)}): give a folder that"
            " is new, empty or a build"
        )


def check(folder: Path) -> bytes | None:
    """Check that every file of a build is as it was written; return the digests' bytes.

    None if there are no digests, as in builds of earlier versions. Raises a `StorageError` that
    names the file.
    """
    settle(folder)
    _check_links(folder)
    names = set(os.listdir(folder))
    unknown = names - {*FILES, REGISTERS, DIGESTS, *RESULTS, *FOLDERS}
    if unknown:
        LOG.warning("%s holds %s, which is not part of a build", folder, _some(unknown))
    if DIGESTS not in names:
        LOG.warning(
            "%s has no %s: an earlier version compiled it, or the file was removed;"
            " the files are compared with the graph as far as possible",
            folder,
            DIGESTS,
        )
        return None
    listed = _listed(folder / DIGESTS)
    for name in sorted({*FILES, *listed}):
        path = folder / name
        if not os.path.lexists(path):
            raise StorageError(f"cannot read {path}: No such file or directory; compile again")
        if _sha(read_bytes(path)) != listed.get(name):
            raise StorageError(f"{path} was changed since it was compiled; compile again")
    if REGISTERS in names - set(listed):
        raise StorageError(f"{folder / REGISTERS} is not a file of this build; compile again")
    return read_bytes(folder / DIGESTS)


def _check_links(folder: Path) -> None:
    """Raise `StorageError` for links: instead of a build's own files, or to anything outside it."""
    inside = folder.resolve()
    for path in _links(folder):
        if path.parent == folder or not path.resolve().is_relative_to(inside):
            raise StorageError(
                f"{path} is a link to {os.readlink(path)}, but a build must have its own files;"
                " remove it and compile again"
            )


def _links(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            if path.is_symlink():
                yield path


def _listed(path: Path) -> dict[str, str]:
    """Return the digests in a ``digests.json``; refuse a file that was changed."""
    data, files = read_bytes(path), {}
    try:
        files = json.loads(data)["files"]
        whole = _digests(files) == data and set(FILES) <= set(files) <= {*FILES, REGISTERS}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        whole = False
    if not whole:
        raise StorageError(f"{path} was changed since it was compiled; compile again")
    return files


def _digests(files: Mapping[str, str]) -> bytes:
    """Return the bytes of ``digests.json``, including a digest of itself."""
    text = json.dumps(dict(files), sort_keys=True)
    value = {"files": dict(files), "digest": _sha(text.encode())}
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _some(names: set[str]) -> str:
    """Return the first names as a list in words, with the number of the others."""
    shown = sorted(names)[:NAMES_SHOWN]
    hidden = len(names) - len(shown)
    return ", ".join(shown) + (f" and {hidden} more" if hidden else "")
