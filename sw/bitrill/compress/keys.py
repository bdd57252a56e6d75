"""Reads TOML tables into dataclasses: unknown keys, missing ones and wrong values, all at once.

A field's type says what a key may hold: ``int``, ``float``, ``str``, ``bool``, a ``Literal``, one
of several or None, ``tuple[T, ...]`` for a list, ``dict[str, T]`` for a table, or a dataclass.
`number` gives a field with bounds. A dataclass that checks more raises `SpecError` when it is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import SpecError, meant

T = TypeVar("T")


def number(default: Any = MISSING, *, low: float = -math.inf, high: float = math.inf) -> Any:
    """Make a dataclass field for a number from ``low`` to ``high``."""
    return field(default=default, metadata={"low": low, "high": high})


def one_of(value: object, known: Sequence[str], what: str) -> str:
    """Return ``value`` if it is a known name; raises `SpecError` that lists the names."""
    if isinstance(value, str) and value in known:
        return value
    raise SpecError(f"{what} must be one of {', '.join(known)}, not {value!r}{meant(value, known)}")


def read(
    cls: type[T], table: object, where: str, *, beside: Sequence[str] = (), **given: object
) -> T:
    """Make a dataclass from a table; ``given``: fields that are no keys of the table.

    ``beside``: keys that may stand there too, and are read elsewhere.

    Raises `SpecError` with every fault of the table, each naming ``where`` and its key.
    """
    if not isinstance(table, Mapping):
        raise SpecError(f"{where} must be a table, not {_shown(table)}")
    hints = get_type_hints(cls)
    known = {f.name: f for f in fields(cls) if f.name not in given}  # pyright: ignore[reportArgumentType]
    every = [*known, *beside]
    faults = [
        f"{where}: unknown key {key!r}{meant(key, every)} (known: {', '.join(every)})"
        for key in table
        if key not in every
    ]
    values: dict[str, object] = {}
    for name, each in known.items():
        if name in table:
            values[name] = _collected(faults, table[name], hints[name], each, f"{where}.{name}")
        elif each.default is MISSING and each.default_factory is MISSING:
            faults.append(f"{where}: {name} must be given")
    if faults:
        raise SpecError("; ".join(faults), faults=faults)
    try:
        return cls(**values, **given)
    except SpecError as error:
        faults = [f"{where}: {reason}" for reason in reasons(error)]
        raise SpecError("; ".join(faults), faults=faults) from error


def reasons(error: SpecError) -> list[str]:
    """Return every reason of an error."""
    faults = error.details.get("faults")
    return list(faults) if isinstance(faults, list) else [str(error)]


def _collected(
    faults: list[str], value: object, hint: object, each: Field[object], where: str
) -> object:
    try:
        return _value(value, hint, each.metadata, where)
    except SpecError as error:
        faults += reasons(error)
        return None


def _value(value: object, hint: object, bounds: Mapping[str, float], where: str) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _any_of(value, [a for a in arguments if a is not NoneType], bounds, where)
    if origin is Literal:
        return one_of(value, arguments, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise SpecError(f"{where} must be a list, not {_shown(value)}")
        return tuple(_value(v, arguments[0], bounds, f"{where}[{k}]") for k, v in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise SpecError(f"{where} must be a table, not {_shown(value)}")
        return {k: _value(v, arguments[1], bounds, f'{where}."{k}"') for k, v in value.items()}
    assert isinstance(hint, type)
    if is_dataclass(hint):
        return read(hint, value, where)
    return _plain(value, hint, bounds, where)


def _any_of(value: object, hints: list[object], bounds: Mapping[str, float], where: str) -> object:
    """Read a value that may have any of several types; the first that takes it counts."""
    faults: list[str] = []
    for hint in hints:
        try:
            return _value(value, hint, bounds, where)
        except SpecError as error:
            faults.append(str(error))
    raise SpecError(" or ".join(dict.fromkeys(faults)))


_NAMES = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}


def _plain(value: object, hint: type, bounds: Mapping[str, float], where: str) -> object:
    fits = isinstance(value, (int, float) if hint is float else hint)
    if not fits or (isinstance(value, bool) and hint is not bool):
        raise SpecError(f"{where} must be {_NAMES[hint]}, not {_shown(value)}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = bounds.get("low", -math.inf), bounds.get("high", math.inf)
        if not (low <= value <= high and math.isfinite(value)):
            raise SpecError(f"{where} must be from {low:g} to {high:g}, not {value:g}")
    return float(value) if hint is float else value  # pyright: ignore[reportArgumentType]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
