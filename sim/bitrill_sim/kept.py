"""The user's cache of compiled simulators: the most recently used ones, up to a total size."""

import shutil
import time
from pathlib import Path

from bitrill.jobs import Place

from .tools import cache_folder

MOST_BYTES = 1 << 30
"""Largest total size of the cached simulators; one takes about 20 MB."""

SPARED_SECONDS = 3600
"""A simulator used within this time is never removed: a run may still need it."""


def simulators(fallback: Path) -> Path:
    """Return the folder of cached simulators; ``fallback`` if the cache cannot be written."""
    folder = cache_folder(fallback)
    return folder if folder == fallback else folder / "simulators"


def models_folder(place: Place, models: Path | None) -> Path | None:
    """Return ``models`` if this process can see that folder, else a cache on this machine.

    A worker on another machine cannot see it.
    """
    return models if place.seen else simulators(place.here())


def discard_old(folder: Path, *, most: int = MOST_BYTES, spared: float = SPARED_SECONDS) -> None:
    """Remove the least recently used simulators, until the others take at most ``most`` bytes.

    Those used within the last ``spared`` seconds are never removed.
    """
    try:
        builds = [(p.stat().st_mtime, p) for p in folder.glob("model-*") if p.is_dir()]
    except FileNotFoundError:  # another process is cleaning up at this moment: leave it to that
        return
    taken, now = 0, time.time()
    for used, path in sorted(builds, reverse=True):
        taken += sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
        if taken > most and now - used > spared:
            shutil.rmtree(path, ignore_errors=True)
            path.with_name(f"{path.name}.log").unlink(missing_ok=True)
