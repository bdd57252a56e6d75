"""A folder that jobs share; on a machine that cannot see it, a local folder takes its place."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import StorageError
from ..provenance import cache_folder


@dataclass(frozen=True)
class Place:
    """A folder of the process that hands out the jobs; ``mark``: a file in it while they run."""

    folder: Path
    mark: str

    @property
    def seen(self) -> bool:
        """Whether this process sees the folder: elsewhere, the path may be another folder's."""
        return (self.folder / self.mark).is_file()

    def here(self, kind: str = "simulators") -> Path:
        """Return the folder if this process sees it, else the one of a ``kind`` in the cache."""
        if self.seen:
            return self.folder
        return (cache_folder() or Path(tempfile.gettempdir())) / kind


@contextmanager
def marked(folder: Path) -> Iterator[Place]:
    """Make a folder and mark it while its jobs run; yields its `Place`."""
    place = Place(folder, f".jobs-{secrets.token_hex(8)}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / place.mark).touch()
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror or error}") from error
    try:
        yield place
    finally:
        (folder / place.mark).unlink(missing_ok=True)
