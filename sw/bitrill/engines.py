"""Names of the simulation engines, known without importing any of them."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from .errors import SpecError

Engine: TypeAlias = Literal["verilator", "cocotb", "icarus", "amaranth"]

ENGINES: tuple[Engine, ...] = get_args(Engine)


def check_engine(engine: str) -> None:
    """Raise `SpecError` for an unknown engine."""
    if engine not in ENGINES:
        raise SpecError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
