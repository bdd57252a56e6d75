"""What `compile` does of a model before Verilog: import, integer passes, folding."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import FitError, SpecError, StorageError
from ..folding.solve import Solution
from ..ir import Graph, IntType, Stage, verify
from ..parts.devices import Part
from ..storage import read_json
from .extras import Progress, silent

Style = Literal["folded", "unrolled", "runtime", "streamed"]

STYLES = get_args(Style)
"""What `compile` makes of matrices that a folding says nothing of."""

_RAW_INPUT = re.compile(r"(u?)int([1-9]|1[0-6])")


def load(
    model: str | Path, raw_input: str | None = None, input_scale: str | Fraction | None = None
) -> Graph:
    """The graph of a model file, stage IMPORTED."""
    if (raw_input is None) is not (input_scale is None):
        raise SpecError("a raw input must have both a type and a scale (uint8 and 1/255, say)")
    raw = None if raw_input is None else parse_raw_input(raw_input)
    scale = None if input_scale is None else parse_scale(input_scale)
    path = Path(model)
    if path.is_dir():
        raise StorageError(f"cannot read {path}: it is a folder, not a model file")
    from ..frontend import load_model

    return load_model(path, raw_input=raw, raw_scale=scale)


def integer(graph: Graph, *, top: int | None = None, folder: Path | None = None) -> Graph:
    """Stage IMPORTED to INTEGER; checkpoints below ``folder``, if given."""
    from ..lowering import to_integer

    return to_integer(graph, top=top, checkpoints=_checkpoints(folder))


def fold(
    graph: Graph,
    folding: str | Path | Mapping[str, Any] | None = None,
    *,
    style: Style = "folded",
    part: Part | None = None,
    clock_mhz: float | None = None,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Graph:
    """Stage INTEGER to FOLDED, checked; ``part``: what unrolled matrices are to fit in;
    ``clock_mhz``: what pipelines are made deep enough for."""
    from ..lowering import to_folded

    progress("folding", 0, 0)
    if isinstance(folding, str | Path):
        folding = read_folding(Path(folding))
    folded = to_folded(
        graph,
        folding=folding,
        style=style,
        part=part,
        clock_mhz=clock_mhz,
        checkpoints=_checkpoints(folder),
    )
    verify(folded, Stage.FOLDED)
    return folded


def fold_for(
    graph: Graph,
    clock_mhz: float,
    fps: float | None,
    part: Part | None,
    folding: str | Path | Mapping[str, Any] | None = None,
    *,
    deep: bool = False,
    folder: Path | None = None,
    progress: Progress = silent,
) -> tuple[Graph, Solution]:
    """Stage INTEGER to FOLDED for a rate, a part or both, checked; ``deep``: pipelines are made
    deep enough for the clock."""
    from ..lowering import to_target

    progress("solving for a folding", 0, 0)
    if isinstance(folding, str | Path):
        folding = read_folding(Path(folding))
    folded, solution = to_target(
        graph,
        clock_hz=Fraction(clock_mhz) * 1_000_000,
        fps=fps,
        part=part,
        folding=folding,
        clock_mhz=clock_mhz if deep else None,
        checkpoints=_checkpoints(folder),
    )
    verify(folded, Stage.FOLDED)
    return folded, solution


def first_that_fits(
    graph: Graph,
    clock_mhz: float,
    rates: list[float | None],
    part: Part | None,
    folding: str | Path | Mapping[str, Any] | None,
    **options: Any,
) -> tuple[Graph, Solution]:
    """`fold_for` the first of ``rates`` that can be reached; raises what the last one does."""
    for fps in rates[:-1]:
        try:
            return fold_for(graph, clock_mhz, fps, part, folding, **options)
        except FitError:
            continue
    return fold_for(graph, clock_mhz, rates[-1], part, folding, **options)


def read_folding(path: Path) -> dict[str, Any]:
    """The mapping of a folding file."""
    value = read_json(path)
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise SpecError(f"{path} must map node names to {{pe, simd, style, memory}}")
    return value


def parse_raw_input(name: str) -> IntType:
    """``uint8`` and the like, 1 to 16 bits, to a type."""
    match = _RAW_INPUT.fullmatch(name)
    if match is None:
        raise SpecError(f"the raw input must be uint1..uint16 or int1..int16, not {name!r}")
    bits = int(match[2])
    return (
        IntType(0, (1 << bits) - 1) if match[1] else IntType(-(1 << bits - 1), (1 << bits - 1) - 1)
    )


def parse_scale(scale: str | Fraction) -> Fraction:
    """``1/255`` or ``0.5`` to a positive rational."""
    try:
        value = Fraction(scale)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise SpecError(f"the input scale must be a number such as 1/255, not {scale!r}") from error
    if value <= 0:
        raise SpecError(f"the input scale must be above zero, not {scale}")
    return value


def exact_number(value: Fraction) -> int | str:
    """An exact fraction for JSON: a whole number, or ``"p/q"``."""
    return value.numerator if value.denominator == 1 else str(value)


def _checkpoints(folder: Path | None) -> Path | None:
    return None if folder is None else folder / "checkpoints"
