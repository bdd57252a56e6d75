"""A space: what a TOML file says about a search."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ..compress import recipe as recipes
from ..compress.keys import read, reasons
from ..compress.recipe import Hardware, Recipe
from ..errors import SpecError, meant
from ..storage import read_bytes
from .domains import Categories, Domain, Value, domain
from .figures import Constraints
from .paths import Tables, with_values
from .presets import Preset
from .settings import Settings

TABLES = ("recipe", "model", "hardware", "search", "space", "preset", "constraints", "start")


T = TypeVar("T")


@dataclass(frozen=True)
class Space:
    """Keys with their values, over a recipe's tables, or over one model's hardware.

    ``tables``: the recipe's, or only its ``hardware`` if ``model``, a quantized ONNX file, is
    searched. ``start``: values of the first trials. ``folder``: where the recipe's relative paths
    start.
    """

    tables: Tables
    model: Path | None
    settings: Settings
    domains: Mapping[str, Domain]
    constraints: Constraints
    start: tuple[Mapping[str, Value], ...]
    folder: Path
    name: str
    preset: Preset | None = None

    def with_layers(self, layers: Sequence[str]) -> Space:
        """Return the space with the keys that its preset means for a network of these layers."""
        if self.preset is None:
            return self
        domains = {**self.preset.domains(layers), **self.domains}
        faults = _wrong_keys(replace(self, domains=domains))
        if faults:
            raise SpecError("; ".join(faults), faults=faults)
        start = (*self.start, *self.preset.start(layers))
        return replace(self, domains=domains, start=start)

    def recipe(self, values: Mapping[str, Value]) -> Recipe:
        """Return the recipe of a trial; raises `SpecError`."""
        return recipes.parse(with_values(self.tables, values), self.folder)

    def hardware(self, values: Mapping[str, Value]) -> Hardware:
        """Return the hardware of a trial; raises `SpecError`."""
        return read(Hardware, with_values(self.tables, values)["hardware"], "hardware")

    def to_json(self) -> dict[str, object]:
        """Return what a search's trials depend on, as plain values."""
        settings = asdict(self.settings)
        for key in ("trials", "storage", "name"):  # more trials, elsewhere: the same search
            del settings[key]
        settings["objectives"] = list(self.settings.objectives)
        return {
            "tables": self.tables,
            "settings": settings,
            "space": {
                key: list(d.values) if isinstance(d, Categories) else asdict(d)
                for key, d in self.domains.items()
            },
            "constraints": asdict(self.constraints),
            "start": [dict(each) for each in self.start],
        }


def load(path: Path) -> Space:
    """Read a space; raises `SpecError` with all that is wrong in it, `StorageError`."""
    return parse(_toml(path), path.parent, path.stem)


def parse(tables: Mapping[str, Any], folder: Path, name: str = "search") -> Space:
    """Make a space of its tables; raises `SpecError` with all that is wrong."""
    faults = [
        f"unknown table {key!r}{meant(key, TABLES)} (known: {', '.join(TABLES)})"
        for key in tables
        if key not in TABLES
    ]
    base, model, beside = _base(tables, folder, faults)
    reading = _Reading(faults)
    settings = reading.table(Settings, tables, "search") or Settings()
    constraints = reading.table(Constraints, tables, "constraints") or Constraints()
    preset = reading.table(Preset, tables, "preset")
    domains = reading.domains(tables.get("space", {}), "preset" in tables)
    if preset is not None and "objectives" not in tables.get("search", {}):
        settings = replace(settings, objectives=("accuracy",))
    if base is not None:
        made = Space(base, model, settings, domains, constraints, (), beside, name, preset)
        faults += _wrong_keys(made) or _contradictions(made)
    start = tables.get("start", [])
    faults += _wrong_start(start, domains)
    if faults or base is None:
        raise SpecError("; ".join(faults), faults=faults)
    return Space(
        base,
        model,
        settings,
        domains,
        constraints,
        tuple(dict(each) for each in start),
        beside,
        settings.name or name,
        preset,
    )


@dataclass
class _Reading:
    """Reads tables, and collects what is wrong in them."""

    faults: list[str] = field(default_factory=list)

    def table(self, cls: type[T], tables: Mapping[str, Any], key: str) -> T | None:
        """Return a table as a dataclass, None if it is not there or wrong."""
        try:
            return read(cls, tables[key], key) if key in tables else None
        except SpecError as error:
            self.faults += reasons(error)
            return None

    def domains(self, table: object, preset: bool) -> dict[str, Domain]:
        """Return the keys with their values; there may be none beside a preset."""
        if not isinstance(table, Mapping) or not (table or preset):
            self.faults.append("the space is empty: [space] must name a key with its values")
            return {}
        domains: dict[str, Domain] = {}
        for key, given in table.items():
            try:
                domains[key] = domain(given, f"space: {key!r}")
            except SpecError as error:
                self.faults += reasons(error)
        return domains


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_bytes(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} must be TOML: {error}") from error


def _base(
    tables: Mapping[str, Any], folder: Path, faults: list[str]
) -> tuple[Tables | None, Path | None, Path]:
    """Return the tables that the space changes, the model's file, and the recipe's folder."""
    recipe, model = tables.get("recipe"), tables.get("model")
    if (recipe is None) is (model is None):
        faults.append("either recipe (a file or a table) or model (an ONNX file) must be given")
        return None, None, folder
    try:
        if model is not None:
            if not isinstance(model, str):
                raise SpecError(f"model must be the name of an ONNX file, not {model!r}")
            base = {"hardware": dict(tables.get("hardware", {}))}
            read(Hardware, base["hardware"], "hardware")
            return base, folder / model, folder
        if "hardware" in tables:
            faults.append("[hardware] must stand in the recipe; it goes with model alone")
        if not isinstance(recipe, str | Mapping):
            raise SpecError(f"recipe must be the name of a file, or a table, not {recipe!r}")
        path = folder / recipe if isinstance(recipe, str) else None
        base = dict(recipe) if isinstance(recipe, Mapping) else _toml(folder / recipe)
        beside = folder if path is None else path.parent
        recipes.parse(base, beside)
        return base, None, beside
    except SpecError as error:
        faults += [f"{'recipe' if model is None else 'model'}: {r}" for r in reasons(error)]
        return None, None, folder


def _wrong_keys(space: Space) -> list[str]:
    """Return the faults of keys and values that the recipe does not take."""
    faults: list[str] = []
    for key, each in space.domains.items():
        if space.model is not None and not key.startswith("hardware."):
            faults.append(f"space: {key!r}: a model's file has hardware. alone, no steps")
            continue
        for value in each.ends():
            try:
                space.recipe({key: value}) if space.model is None else space.hardware({key: value})
            except SpecError as error:
                faults += [f"space: {key!r}: {reason}" for reason in reasons(error)]
    return list(dict.fromkeys(faults))


def _contradictions(space: Space) -> list[str]:
    """Return what no trial of the space can ever meet."""
    asked, objectives = space.constraints, space.settings.objectives
    faults: list[str] = []
    if space.model is not None:
        for where in ("accuracy" in objectives) * ["objectives"] + (asked.accuracy is not None) * [
            "constraints"
        ]:
            faults.append(f"{where}: accuracy must be left out with model, which is not trained")
    for name in ("lcs", "ramb18", "dsp", "latency_ns", "energy_nj"):
        if getattr(asked, name) == 0 and name in objectives:
            faults.append(f"{name} must not be an objective where the constraint holds it at 0")
    faults += _wrong_preset(space)
    most = _most_fps(space)
    if asked.fps is not None and most is not None and asked.fps > most:
        faults.append(
            f"constraints: fps of at least {asked.fps:,g} contradicts the space, which folds for"
            f" {most:,g} at most: raise hardware.fps"
        )
    return faults


def _wrong_preset(space: Space) -> list[str]:
    """Return what a preset lacks: its step, and a budget."""
    if space.preset is None:
        return []
    faults: list[str] = []
    steps, number_ = space.tables.get("step", []), space.preset.step
    kinds = [f"{k} {step.get('kind')}" for k, step in enumerate(steps, 1)]
    if f"{number_} quantize" not in kinds:
        given = ", ".join(kinds) or "none"
        faults.append(f"preset: step must be one of kind quantize (steps: {given}), not {number_}")
    budgets = ("lcs", "energy_nj", "latency_ns")
    if all(getattr(space.constraints, name) is None for name in budgets):
        faults.append(f"preset: haq needs a budget: one of {', '.join(budgets)} in [constraints]")
    return faults


def _most_fps(space: Space) -> float | None:
    """Return the highest rate that the space folds for; None if matrices may be unrolled."""
    styles = space.domains.get("hardware.style")
    if styles is not None and "unrolled" in styles.ends():
        return None
    rates = space.domains.get("hardware.fps")
    given = [space.tables["hardware"].get("fps")] if rates is None else list(rates.ends())
    return max((float(rate) for rate in given if rate is not None), default=None)


def _wrong_start(start: object, domains: Mapping[str, Domain]) -> list[str]:
    """Return the faults of the first trials' values."""
    if not isinstance(start, list) or not all(isinstance(each, Mapping) for each in start):
        return ["start must be tables [[start]] of keys and values"]
    faults: list[str] = []
    for k, each in enumerate(start, 1):
        for key, value in each.items():
            known = domains.get(key)
            where = f"start {k}: {key!r}"
            if known is None:
                faults.append(f"{where} must be a key of [space]{meant(key, list(domains))}")
            elif isinstance(known, Categories) and value not in known.values:
                faults.append(f"{where} must be one of {', '.join(map(str, known.values))}")
            elif not isinstance(known, Categories) and not (
                isinstance(value, int | float) and known.low <= value <= known.high
            ):
                faults.append(f"{where} must be from {known.low:g} to {known.high:g}")
    return faults
