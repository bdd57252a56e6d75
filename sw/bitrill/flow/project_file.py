"""A project: the file from which `bitrill make` goes from training to a board.

out = "build/digits"        # default: build/NAME, beside the file
model = "net.onnx"          # or "zoo:lenet", or one of the tables [train] and [compress]

[train]                     # then a table for each verb to be run, with its options
recipe = "tfc"
[compile]
board = "icebreaker"
[verify]
data = "digits"
[build]
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from ..errors import SpecError, meant
from ..storage import read_bytes
from ..zoo import PREFIX, located
from .compile_options import CompileOptions

SOURCES = ("train", "compress")
"""Verbs that make a model."""

OPTIONS: dict[str, tuple[str, ...]] = {
    "train": (
        *("recipe", "weights", "acts", "dataset", "epochs", "seed", "mean", "std", "width"),
        *("prune", "budget", "track"),
    ),
    "compress": ("recipe", "no_advice", "track"),
    "compile": tuple(f.name for f in fields(CompileOptions)),
    "verify": ("engine", "data", "samples", "stall", "seed", "weights", "by_layer", "jobs"),
    "synth": ("part", "check", "seed"),
    "report": ("diff", "data", "samples", "clock_mhz"),
    "build": (
        "board",
        "toolchain",
        "clock_mhz",
        "seed",
        "data",
        "samples",
        "boards",
        "files_only",
        "counters",
    ),
}
"""Options of each verb, in the order in which verbs are run."""

_WHOLE = ("epochs", "seed", "samples", "top", "width", "budget", "jobs", "check")
_NUMBERS = ("fps", "stall", "mean", "std", "prune", "clock_mhz")
_FLAGS = ("no_advice", "checkpoints", "by_layer", "files_only", "counters")
_PATHS = ("folding", "like", "boards", "diff")
"""Options that name a file or folder; so do recipes of compress, and data and weights in files."""

Value = str | int | float | bool


@dataclass(frozen=True)
class ProjectFile:
    """The ``tables`` of a project by verb, its ``model`` (None if made), its folder ``out``."""

    out: Path
    model: Path | None
    tables: Mapping[str, Mapping[str, Value]]

    @property
    def source(self) -> str | None:
        """The verb that makes the model."""
        return next((v for v in SOURCES if v in self.tables), None)

    @property
    def made_model(self) -> Path:
        """The model's file, given or made."""
        return self.model or self.out / "model" / "model.onnx"

    @property
    def design(self) -> Path:
        """The build folder."""
        return self.out / "design"


def load(path: Path) -> ProjectFile:
    """Read a project; raises `SpecError` with all that is wrong in it, `StorageError`."""
    try:
        given = tomllib.loads(read_bytes(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SpecError(f"{path} must be TOML: {error}") from error
    faults: list[str] = []
    names = {k: _text(given, k, faults) for k in ("out", "model")}
    tables = {k: v for k, v in given.items() if k not in names}
    options: dict[str, dict[str, Value]] = {}
    for verb, table in tables.items():
        if verb not in OPTIONS:
            known = ", ".join(OPTIONS)
            faults.append(f"unknown table {verb!r}{meant(verb, list(OPTIONS))} (known: {known})")
        elif not isinstance(table, dict):
            faults.append(f"{verb} must be a table [{verb}], not {table!r}")
        else:
            options[verb] = _options(verb, table, path.parent, faults)
    _require_whole(options, names["model"], faults)
    if faults:
        raise SpecError(f"{path}: {'; '.join(faults)}", faults=faults)
    out = path.parent / (names["out"] or f"build/{path.stem}")
    model = None if names["model"] is None else _model(names["model"], path.parent)
    return ProjectFile(out, model, {v: options[v] for v in OPTIONS if v in options})


def _model(name: str, folder: Path) -> Path:
    """Return the path of a model, seen from here."""
    return located(name) if name.startswith(PREFIX) else folder / name


def _text(given: Mapping[str, object], key: str, faults: list[str]) -> str | None:
    value = given.get(key)
    if value is None or isinstance(value, str):
        return value
    faults.append(f"{key} must be a text, not {value!r}")
    return None


def _options(
    verb: str, table: Mapping[str, object], folder: Path, faults: list[str]
) -> dict[str, Value]:
    """Return a verb's options, with the names of files as they are seen from here."""
    values: dict[str, Value] = {}
    for key, value in table.items():
        known = OPTIONS[verb]
        if key not in known:
            faults.append(
                f"[{verb}] has no option {key!r}{meant(key, known)} (known: {', '.join(known)})"
            )
            continue
        fault = _kind_fault(key, value)
        if fault:
            faults.append(f"[{verb}] {key} must be {fault}, not {value!r}")
        elif isinstance(value, str | int | float):
            values[key] = str(folder / str(value)) if _is_path(verb, key, value) else value
    return values


def _kind_fault(key: str, value: object) -> str:
    """Return what an option must be, if its value is something else."""
    if key in _FLAGS:
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(value, bool):
        return "no truth value"
    if key in _WHOLE:
        return "" if isinstance(value, int) else "a whole number"
    if key in _NUMBERS:
        return "" if isinstance(value, int | float) else "a number"
    if key == "acts":
        return "" if isinstance(value, int | str) else "bits or a text"
    return "" if isinstance(value, str) else "a text"


def _is_path(verb: str, key: str, value: Value) -> bool:
    in_file = key in ("data", "weights") and str(value).endswith((".npy", ".npz"))
    return key in _PATHS or in_file or (verb, key) == ("compress", "recipe")


def _require_whole(
    tables: dict[str, dict[str, Value]], model: str | None, faults: list[str]
) -> None:
    """Note what is missing, and fill in the board of `build` from `compile`."""
    sources = [s for s in SOURCES if s in tables]
    if len(sources) + (model is not None) != 1:
        faults.append("one of model, [train] and [compress] must be given")
    for verb in sources:
        if "recipe" not in tables[verb]:
            faults.append(f"[{verb}] must have a recipe")
    if any(v not in (*SOURCES, "compile") for v in tables) and "compile" not in tables:
        tables["compile"] = {}
    if "build" in tables and "board" not in tables["build"]:
        board = tables["compile"].get("board")
        if board is None:
            faults.append("[build] or [compile] must have a board")
        else:
            tables["build"]["board"] = board
