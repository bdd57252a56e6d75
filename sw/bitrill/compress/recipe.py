"""A recipe: a TOML file that defines data, a network, its hardware and the steps."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

from ..errors import SpecError, meant
from ..ir import is_searched
from ..storage import read_bytes
from . import steps  # noqa: F401 - registers the kinds
from .keys import number, read, reasons
from .module_training import Training
from .sources import DataSource, ModelSource
from .state import STEPS, CompressionStep

TABLES = ("data", "model", "hardware", "training", "step")

T = TypeVar("T")


STYLES = ("folded", "unrolled")
"""Styles of the hardware that steps are judged by."""


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Table ``[hardware]``: what every step's network is folded for, so that steps compare.

    ``fps`` frames a second at ``clock_mhz`` on ``part`` (``portable``: plain logic), or ``style =
    "unrolled"``: a vector a cycle, weights in logic.
    """

    part: str = "xc7z020clg400-1"
    clock_mhz: float = number(100.0, low=1, high=2000)
    fps: float | None = number(None, low=1e-6, high=1e12)
    style: str = "folded"

    def __post_init__(self) -> None:
        faults: list[str] = []
        if self.style not in STYLES:
            faults.append(f"style must be folded or unrolled, not {self.style!r}")
        elif self.searched is (self.fps is None):
            faults.append("either fps or style = 'unrolled' must be given")
        if faults:
            raise SpecError("; ".join(faults), faults=faults)

    @property
    def searched(self) -> bool:
        """Whether the folding is searched for the rate ``fps``; else the style settles it."""
        return is_searched(self.style)


@dataclass(frozen=True)
class Recipe:
    """Data, network, hardware, training and steps; ``folder``: where relative paths start."""

    data: DataSource
    model: ModelSource
    hardware: Hardware
    training: Training
    steps: tuple[CompressionStep, ...]
    folder: Path

    def to_json(self, count: int) -> dict[str, object]:
        """Return everything that the network after ``count`` steps depends on, as plain values."""
        tables = {key: asdict(getattr(self, key)) for key in TABLES if key != "step"}
        if not self.model.arguments:  # as checkpoints had it before there were any
            del tables["model"]["arguments"]
        return {**tables, "steps": [step_json(each) for each in self.steps[:count]]}


def step_json(each: CompressionStep) -> dict[str, object]:
    """Return a step's kind and keys as plain values."""
    return {"kind": each.kind, **asdict(each)}


def load(path: Path) -> Recipe:
    """Read a recipe; raises `SpecError` with all that is wrong in it, `StorageError`."""
    try:
        tables = tomllib.loads(read_bytes(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} must be TOML: {error}") from error
    return parse(tables, path.parent)


def parse(tables: Mapping[str, object], folder: Path) -> Recipe:
    """Make a recipe of its tables; raises `SpecError` with all that is wrong."""
    faults = [
        f"unknown table {key!r}{meant(key, TABLES)} (known: {', '.join(TABLES)})"
        for key in tables
        if key not in TABLES
    ]
    faults += [
        f"table [{key}] must be given" for key in ("data", "model", "hardware") if key not in tables
    ]

    def part(cls: type[T], key: str) -> T | None:
        try:
            return read(cls, tables[key], key) if key in tables else None
        except SpecError as error:
            faults.extend(reasons(error))
            return None

    data, model, hardware = (
        part(DataSource, "data"),
        part(ModelSource, "model"),
        part(Hardware, "hardware"),
    )
    training = part(Training, "training") or Training()
    made = _steps(tables.get("step", []), training, faults)
    if faults or data is None or model is None or hardware is None:
        raise SpecError("; ".join(faults), faults=faults)
    return Recipe(data, model, hardware, training, tuple(made), folder)


def _steps(tables: object, training: Training, faults: list[str]) -> list[CompressionStep]:
    if not isinstance(tables, list) or not tables:
        faults.append("at least one [[step]] must be given")
        return []
    made: list[CompressionStep] = []
    for k, table in enumerate(tables, 1):
        try:
            made.append(make_step(table, training, f"step {k}"))
        except SpecError as error:
            faults.extend(reasons(error))
    return made


def make_step(table: object, training: Training, where: str) -> CompressionStep:
    """Make a step from its table; keys of `Training` in it apply to this step only."""
    if not isinstance(table, Mapping):
        raise SpecError(f"{where} must be a table, not {table!r}")
    kind = table.get("kind")
    if kind not in STEPS:
        known = ", ".join(STEPS)
        raise SpecError(
            f"{where}: kind must be one of {known}, not {kind!r}{meant(kind, list(STEPS))}"
        )
    own_names = [f.name for f in fields(STEPS[kind])]
    shared = [f.name for f in fields(Training) if f.name not in own_names]
    own = {key: value for key, value in table.items() if key in shared}
    rest = {key: value for key, value in table.items() if key not in shared and key != "kind"}
    faults: list[str] = []
    said: Training | None = None
    try:
        said = read(Training, own, where)
    except SpecError as error:
        faults += reasons(error)
    merged = training if said is None else replace(training, **{k: getattr(said, k) for k in own})
    try:
        step = read(STEPS[kind], rest, f"{where} ({kind})", beside=shared, training=merged)
        faults += [f"{where} ({kind}): {fault}" for fault in step.faults()]
    except SpecError as error:
        faults += reasons(error)
    if faults:
        raise SpecError("; ".join(faults), faults=faults)
    return step  # pyright: ignore[reportPossiblyUnboundVariable]


def folds(recipe: Recipe, out: Path) -> list[tuple[Recipe, Path]]:
    """Return the chains of a recipe with their folders: one, or one for each fold of its data."""
    if recipe.data.folds is None:
        return [(recipe, out)]
    numbers = range(1, recipe.data.folds + 1)
    return [
        (replace(recipe, data=replace(recipe.data, fold=k)), out / f"fold-{k}") for k in numbers
    ]
