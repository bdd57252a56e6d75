"""What this user's Bitrill made on this computer, so that nothing made elsewhere is run unseen.

A build folder may come from anybody, with compiled simulators and finished steps of tools in it.
A file there is used again only if its fingerprint stands in the user's cache folder, where only
Bitrill writes; anything else is made anew. Where the cache cannot be written, what this process
made counts.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .errors import StorageError

_HERE: set[str] = set()
"""Fingerprints of what this process made."""


def cache_folder() -> Path | None:
    """Return the user's cache folder, or None where it cannot be written.

    It is ``BITRILL_CACHE``, else ``bitrill`` in the user's cache folder of this system.
    """
    import platformdirs

    try:
        own = os.environ.get("BITRILL_CACHE")
        folder = Path(own) if own else platformdirs.user_cache_path("bitrill", appauthor=False)
        if not folder.is_absolute() and not own:  # there is no home
            return None
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def fingerprint(*parts: str | bytes | Path) -> str:
    """Return the SHA-256 of texts, bytes and files, each with its length; files by content."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                data = hashlib.file_digest(file, "sha256").digest()
        else:
            data = part.encode() if isinstance(part, str) else part
        sha.update(len(data).to_bytes(8, "little") + data)
    return sha.hexdigest()


def fingerprint_of_files(folder: Path, files: Iterable[Path], *parts: str) -> str:
    """Return the `fingerprint` of files by content and by name in ``folder``."""
    named: list[str | Path] = [*parts]
    for path in sorted(files):
        named += [str(path.relative_to(folder)), path]
    return fingerprint(*named)


def remember(made: str) -> None:
    """Note a fingerprint of something that was made here just now."""
    _HERE.add(made)
    folder = cache_folder()
    if folder is not None:
        path = folder / "made" / made[:2] / made
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def is_ours(made: str) -> bool:
    """Whether something of this fingerprint was made here."""
    if made in _HERE:
        return True
    folder = cache_folder()
    return folder is not None and (folder / "made" / made[:2] / made).is_file()
