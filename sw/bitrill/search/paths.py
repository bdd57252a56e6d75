"""Keys of a space, and where they stand in a recipe's tables.

``"training.epochs"``, ``"model.arguments.width"`` and ``"hardware.fps"`` are keys of tables;
``"step.2.ratio"`` is one of the second ``[[step]]``. What follows a table of patterns is a pattern
with dots and stars of its own: ``"step.3.layers.blocks.*.weights"``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from ..compress.module_training import Training
from ..compress.quantizers.quantizer_table import PatternSettings
from ..compress.sources import ModelSource
from ..compress.state import STEPS
from ..errors import SpecError, meant
from .domains import Value

Tables: TypeAlias = dict[str, Any]
"""Tables of a recipe, as TOML gives them."""

TABLES = ("step", "model", "hardware", "training")

ROWS = tuple(f.name for f in fields(PatternSettings))


def with_values(tables: Mapping[str, Any], values: Mapping[str, Value]) -> Tables:
    """Return the recipe's tables with these values at their keys; raises `SpecError`."""
    changed = copy.deepcopy(dict(tables))
    for key, value in values.items():
        put(changed, key, value)
    hardware = changed.get("hardware")
    if values.get("hardware.style") == "unrolled" and isinstance(hardware, dict):
        hardware.pop("fps", None)  # the rate is of folded matrices alone
    return changed


def put(tables: Tables, key: str, value: Value) -> None:
    """Set a key in a recipe's tables; raises `SpecError` for a key that no recipe has."""
    table, _, rest = key.partition(".")
    if table not in TABLES or not rest:
        known = ", ".join(f"{name}." for name in TABLES)
        raise SpecError(f"must begin with one of {known}{meant(table, TABLES)}")
    if table == "step":
        _put_step(tables, rest, value)
    elif table == "model":
        _put_model(tables.setdefault("model", {}), rest, value)
    else:
        tables.setdefault(table, {})[rest] = value


def _put_model(table: Tables, rest: str, value: Value) -> None:
    first, _, name = rest.partition(".")
    if first == "arguments" and name:
        table.setdefault("arguments", {})[name] = value
        return
    known = [f.name for f in fields(ModelSource)]
    if rest not in known:
        near = [*known, *(f"arguments.{each}" for each in table.get("arguments", {}))]
        raise SpecError(f"unknown key {rest!r}{meant(rest, near)} (known: {', '.join(near)})")
    table[rest] = value


def _put_step(tables: Tables, rest: str, value: Value) -> None:
    number, _, name = rest.partition(".")
    steps = tables.get("step", [])
    if not number.isdigit() or not 1 <= int(number) <= len(steps) or not name:
        raise SpecError(f"step must be from 1 to {len(steps)}, with a key behind it, not {rest!r}")
    step = steps[int(number) - 1]
    kind = step.get("kind")
    known = list(dict.fromkeys(f.name for c in (STEPS.get(kind), Training) if c for f in fields(c)))
    field, _, inner = name.partition(".")
    if field not in known or field == "training":
        known.remove("training")
        raise SpecError(
            f"unknown key {field!r}{meant(field, known)} (known in {kind}: {', '.join(known)})"
        )
    if not inner:
        step[field] = value
    elif field == "layers" and kind == "quantize":
        _put_row(step.setdefault(field, {}), inner, value)
    else:
        table = step.setdefault(field, {})
        if not isinstance(table, dict):
            raise SpecError(f"{field} must be a table in the recipe, not {table!r}")
        table[inner] = value


def _put_row(table: Tables, inner: str, value: Value) -> None:
    pattern, _, word = inner.rpartition(".")
    if not pattern or word not in ROWS:
        raise SpecError(
            f"must end with a layer's pattern and one of {', '.join(ROWS)}, not {inner!r}"
            f"{meant(word, ROWS)}"
        )
    # patterns that only the space names stand last, and so count over the recipe's
    table.setdefault(pattern, {})[word] = value
