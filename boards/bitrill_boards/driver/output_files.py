"""Names of the files that a network's outputs are left in."""

from __future__ import annotations

import re


def files_of(path: str, names: list[str]) -> dict[str, str]:
    """Return the name of the output that each file gets; ``path``: ``Y.npy``.

    One output goes to that file, several to ``Y.NAME.npy`` each. What a file's name should not hold
    is ``_`` there; an output whose name is taken then has its number behind it.
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
