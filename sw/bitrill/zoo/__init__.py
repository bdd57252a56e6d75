"""Trained networks that come with Bitrill: where they lie, how each was made, what it reaches.

Each has a folder of its name beside this file:

- ``entry.toml``, written by hand: ``title``, ``bits``, ``data`` (the test set), and the options of
  the verbs that make it, in the tables ``[train]`` or ``[compress]`` and ``[compile]``.
- ``model.onnx``, which that ``train`` or ``compress`` wrote.
- ``figures.json``, measured: accuracy, size, and the hardware that ``compile`` predicts.

``python scripts/make_zoo.py NAME`` makes the last two anew.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import SpecError, meant
from ..storage import read_bytes, read_json

FOLDER = Path(__file__).parent
"""Folder of all entries."""

PREFIX = "zoo:"
"""What the name of an entry begins with, where a file could be named as well."""

MODEL, RECIPE, FIGURES, ENTRY = "model.onnx", "recipe.toml", "figures.json", "entry.toml"
"""Files of an entry."""

Option = str | int | float | bool


@dataclass(frozen=True)
class Entry:
    """A trained network; ``made_by``: the verb ``train`` or ``compress``, and its options.

    ``compile``: options of ``compile`` for which the hardware was predicted.
    """

    name: str
    title: str
    bits: str
    data: str
    made_by: tuple[str, Mapping[str, Option]]
    compile: Mapping[str, Option]

    @property
    def folder(self) -> Path:
        """Folder of the entry's files."""
        return FOLDER / self.name

    @property
    def model(self) -> Path:
        """The QONNX file."""
        return self.folder / MODEL

    @property
    def recipe_command(self) -> str:
        """The command that makes the model."""
        verb, options = self.made_by
        return command(verb, options, out=self.name)

    @property
    def compile_command(self) -> str:
        """The command that predicts the hardware."""
        return command("compile", {"model": PREFIX + self.name, **self.compile}, out="build")

    @cached_property
    def figures(self) -> Mapping[str, Any]:
        """What was measured; see `bitrill.flow.zoo`."""
        return read_json(self.folder / FIGURES)


def command(verb: str, options: Mapping[str, Option], *, out: str) -> str:
    """Return a command line; ``recipe`` and ``model`` are given without a name."""
    words = ["bitrill", verb]
    for key, value in options.items():
        words += [str(value)] if key in ("recipe", "model") else [_flag(key), str(value)]
    return " ".join([*words, "--out", out])


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def names() -> tuple[str, ...]:
    """Return the names of all entries that were measured, in alphabetical order."""
    return _names(FIGURES)


def planned() -> tuple[str, ...]:
    """Return the names of all entries, of those not made yet as well."""
    return _names(ENTRY)


def _names(file: str) -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in FOLDER.glob(f"*/{file}")))


def entry(name: str) -> Entry:
    """Return an entry; `SpecError` for a name that there is none of."""
    return read(name, names())


def read(name: str, known: tuple[str, ...]) -> Entry:
    """Return an entry, one of those that are known."""
    if name not in known:
        raise SpecError(
            f"a model of the zoo must be one of {', '.join(known)}, not {name!r}"
            f"{meant(name, known)}"
        )
    given = tomllib.loads(read_bytes(FOLDER / name / ENTRY).decode())
    verb = "train" if "train" in given else "compress"
    made_by = given.get(verb, {"recipe": PREFIX + name})
    title, bits, data = (given[key] for key in ("title", "bits", "data"))
    return Entry(name, title, bits, data, (verb, made_by), given["compile"])


def entries() -> tuple[Entry, ...]:
    """Return all entries."""
    return tuple(map(entry, names()))


def located(path: str | Path, file: str = MODEL) -> Path:
    """Return a file's path; ``zoo:NAME`` means the ``file`` of the entry of that name.

    Raises `SpecError` for an entry that there is none of, or one without such a file.
    """
    if not str(path).startswith(PREFIX):
        return Path(path)
    named = entry(str(path).removeprefix(PREFIX))
    whole = named.folder / file
    if not whole.is_file():
        raise SpecError(f"{path} must have a {file}, and was made by: {named.recipe_command}")
    return whole
