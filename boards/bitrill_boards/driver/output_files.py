"""Chooses the names of the files that a network's outputs are written to."""

from __future__ import annotations

import re


def files_of(path: str, names: list[str]) -> dict[str, str]:
    """Return which output is written to which file, ``{file: output}``; ``path``: ``Y.npy``.

    A single output goes to that file, several go to ``Y.NAME.npy``. Characters other than letters,
    digits, ``_`` and ``-`` become ``_``; if two names are then the same, the output's number is
    appended.
    """
    if len(names) == 1:
        return {path: names[0]}
    stem = path[: -len(".npy")]
    taken = {"int"}
    files = {}
    for k, name in enumerate(names):
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:100]
        plain = f"{plain}_{k}" if plain.lower() in taken else plain
        taken.add(plain.lower())
        files[f"{stem}.{plain}.npy"] = name
    return files
