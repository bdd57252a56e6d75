"""Compiled simulators that a user keeps: in the cache folder, the last used ones up to a size."""

import shutil
import time
from pathlib import Path

from bitrill.jobs import Place

from .tools import cache_folder

MOST_BYTES = 1 << 30
"""Size of all kept simulators; one takes some 20 MB."""

SPARED_SECONDS = 3600
"""Time since its last use in which a simulator is never removed: a run may still need it."""


def simulators(fallback: Path) -> Path:
    """Return the folder of kept simulators; ``fallback`` if the cache cannot be written."""
    folder = cache_folder(fallback)
    return folder if folder == fallback else folder / "simulators"


def here(place: Place, models: Path | None) -> Path | None:
    """Return the folder ``models`` of jobs, or in a process that does not see it, its own."""
    return models if place.seen else simulators(place.here())


def discard_old(folder: Path, *, most: int = MOST_BYTES, spared: float = SPARED_SECONDS) -> None:
    """Remove simulators that were used least lately, until the others take at most ``most``."""
    try:
        models = [(p.stat().st_mtime, p) for p in folder.glob("model-*") if p.is_dir()]
    except FileNotFoundError:  # another process removed one
        return
    taken, now = 0, time.time()
    for used, path in sorted(models, reverse=True):
        taken += sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
        if taken > most and now - used > spared:
            shutil.rmtree(path, ignore_errors=True)
            path.with_name(f"{path.name}.log").unlink(missing_ok=True)
