"""Names of the simulation engines, known without importing any of them."""

from typing import Literal, TypeAlias, get_args

from .errors import SpecError

Engine: TypeAlias = Literal["verilator", "cocotb", "icarus", "amaranth"]

ENGINES: tuple[Engine, ...] = get_args(Engine)


def check_engine(name: str) -> Engine:
    """Return the engine of that name; raises `SpecError` for an unknown one."""
    for engine in ENGINES:
        if engine == name:
            return engine
    raise SpecError(f"engine must be one of {', '.join(ENGINES)}, not {name!r}")
