"""Operator classes by name: those of Bitrill, of installed packages, and of the running program.

A class is registered when it is defined. The packages of the entry point group
``bitrill.operators`` are imported when a name is asked for that is not registered yet.
"""

import importlib
import logging
import os
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from ..errors import SpecError, UnsupportedError

GROUP = "bitrill.operators"
"""Entry points of other packages; each names a module that defines operators."""

BUILT_IN = "bitrill.ops"
"""The package that defines Bitrill's own operators."""

_log = logging.getLogger("bitrill")
_by_kind: dict[str, type] = {}
_by_class: dict[str, type] = {}
_loaded: set[str] = set()

_failed: dict[str, str] = {}
"""The error of each entry point that could not be imported, by its name."""


def require_members(cls: type, attributes: Iterable[str]) -> None:
    """Raise a `SpecError` that names every member an operator class lacks."""
    abstract = {
        name
        for base in cls.__mro__
        for name, member in vars(base).items()
        if getattr(member, "__isabstractmethod__", False)
        and getattr(getattr(cls, name), "__isabstractmethod__", False)
    }
    missing = [name for name in attributes if not hasattr(cls, name)] + sorted(abstract)
    if missing:
        raise SpecError(
            f"operator class {_full_name(cls)} must define {', '.join(missing)}"
            " (or be defined with abstract=True, as a base of others)"
        )


def register(cls: type, kind: str) -> None:
    """Register an operator class by its kind and its name; both must be unique.

    A class that is defined again under the same module and name replaces the earlier one.
    """
    for names, name, what in ((_by_kind, kind, "kind"), (_by_class, cls.__name__, "class")):
        other = names.get(name)
        if other is not None and _full_name(other) != _full_name(cls):
            raise SpecError(
                f"operators must have a {what} of their own: {_full_name(other)} and"
                f" {_full_name(cls)} are both {what} {name!r}"
            )
    _by_kind[kind] = _by_class[cls.__name__] = cls


def registered() -> tuple[type, ...]:
    """Return the classes registered so far, in the order of their definition."""
    return tuple(_by_kind.values())


def operator_class(name: str) -> type:
    """Return the operator class of a name as ``graph.json`` spells it, such as ``MatVec``.

    Imports Bitrill's operators and the packages of `GROUP` if it is not registered yet.
    """
    if name not in _by_class:
        importlib.import_module(BUILT_IN)
    if name not in _by_class:
        load_packages()
    if name not in _by_class:
        raise UnsupportedError(f"operator class {name!r} is not known{_why()}")
    return _by_class[name]


def load_packages() -> None:
    """Import every package of the entry point group `GROUP`, once.

    A package that fails to import gives one warning; the others are imported.
    """
    for entry in _entries(tuple((path, _changed(path)) for path in sys.path)):
        if _source(entry) not in _loaded:
            _loaded.add(_source(entry))
            try:
                entry.load()
            except Exception as error:  # whatever a package's code raises
                _failed[_source(entry)] = f"{type(error).__name__}: {error}"
                _log.warning(
                    "operators of %s cannot be used: %s", _source(entry), _failed[_source(entry)]
                )


@lru_cache(1)
def _entries(searched: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """Return the entry points, by their source; asked again when a folder of the path changes.

    Reading the metadata of all installed packages takes longer than reading a small model.
    """
    return tuple(sorted(entry_points(group=GROUP), key=_source))


def _changed(path: str) -> int:
    """Return when the contents of a folder changed last; 0 if there is none."""
    try:
        return os.stat(path or ".").st_mtime_ns
    except OSError:
        return 0


def failures() -> list[tuple[str, str]]:
    """Return the entry points that could not be imported, each with its error."""
    return sorted(_failed.items())


def _source(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else "an unknown package"
    return f"{entry.name} = {entry.value} ({package})"


def _why() -> str:
    """Return which entry points could not be imported, as the end of a message."""
    return "".join(f"; entry point {name} failed: {why}" for name, why in _failed.items())


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
