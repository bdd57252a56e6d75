"""Common steps of `compile` and `inspect` before any Verilog: import and folding."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from ..errors import FitError, SpecError, StorageError
from ..exact import rational
from ..folding.fold import folding_of
from ..folding.solve import Solution
from ..folding.writable import changeable, is_wired
from ..ir import INTERVAL, Graph, IntType, Stage, verify
from ..lowering import Folding, to_folded, to_integer, to_target
from ..ops import Depthwise
from ..ops.matvec import Matrix
from ..parts.devices import Part
from ..passes.drop_channels import drop_channels
from ..passes.split_products import SUFFIX, split_products
from ..storage import read_json
from ..zoo import located
from .compile_options import Numbers, Style
from .extras import Progress, logged

ASSUMED_MHZ = 100.0
"""Clock of the predicted rates if none is given."""

_RAW_INPUT = re.compile(r"(u?)int([1-9]|1[0-6])")


def load(
    model: str | Path,
    raw_input: str | None = None,
    input_scale: Numbers | None = None,
    input_offset: Numbers | None = None,
) -> Graph:
    """Read a model file, or ``zoo:NAME``; return a graph of stage IMPORTED."""
    raw = None if raw_input is None else parse_raw_input(raw_input)
    scale = None if input_scale is None else parse_scale(input_scale)
    offset = None if input_offset is None else parse_offset(input_offset)
    path = located(model)
    if path.is_dir():
        raise StorageError(f"cannot read {path}: it is a folder, not a model file")
    from ..frontend import load_model

    return load_model(path, raw_input=raw, raw_scale=scale, raw_offset=offset)


def integers(
    graph: Graph,
    folding: str | Path | Folding | None = None,
    *,
    style: Style = "folded",
    top: int | None = None,
    like: Graph | None = None,
    checkpoints: Path | None = None,
) -> Graph:
    """Take a graph from IMPORTED to INTEGER, without channels that change nothing.

    What ``folding``, ``style`` and ``like`` leave writable keeps its shape, and all of it, as far
    as it can, the widths of the FOLDED graph ``like``.
    """
    fixed = changeable(graph, read_folding(folding) or {}, style, like)
    widths = None if like is None else {e: t.channels for e, t in like.edges.items()}
    drop = partial(drop_channels, fixed=fixed, widths=widths)
    whole = _never_split(graph, fixed, read_folding(folding) or {}, style, like)
    split = partial(split_products, whole=whole)
    return to_integer(graph, top=top, drop=drop, split=split, checkpoints=checkpoints)


def _never_split(
    graph: Graph, fixed: set[str], folding: Folding, style: Style, like: Graph | None
) -> set[str]:
    """Return the layers that stay one matrix: of weights that change or lie in logic, or as before.

    A matrix in logic shares sums by itself; a network like an earlier one has its layers.
    """
    wired = {n.name for n in graph.nodes if is_wired(n, folding, style)}
    before = {n.name for n in like.nodes} if like is not None else set[str]()
    own = {n.name for n in graph.nodes if like is not None and n.name + SUFFIX not in before}
    return fixed | wired | own


def dropped(before: Graph, after: Graph) -> dict[str, tuple[int, int]]:
    """Return channels before and after of each layer with constants that has fewer."""
    layers = [n.name for n in after.nodes if isinstance(n, Matrix | Depthwise)]
    both = [n for n in layers if n in before.edges]
    counts = {n: (before.edges[n].channels, after.edges[n].channels) for n in both}
    return {name: (was, now) for name, (was, now) in counts.items() if was != now}


def dropped_in_words(layers: Mapping[str, tuple[int, int]]) -> list[str]:
    """Return the line that tells which channels were dropped; none if there are none."""
    each = ", ".join(f"{name} {was - now} of {was}" for name, (was, now) in layers.items())
    return [f"channels dropped, since they change nothing: {each}"] if each else []


def fold(
    graph: Graph,
    folding: str | Path | Folding | None = None,
    *,
    style: Style = "folded",
    part: Part | None = None,
    clock_mhz: float | None = None,
    like: Graph | None = None,
    checkpoints: Path | None = None,
    progress: Progress = logged,
) -> Graph:
    """Take a graph from INTEGER to FOLDED, and check it.

    ``part``: the part that unrolled matrices must fit; ``clock_mhz``: pipelines are made deep
    enough for this clock; ``like``: a FOLDED graph whose types and folding are kept, except for
    choices in ``folding``.
    """
    progress("folding", 0, 0)
    own = read_folding(folding)
    if like is not None:
        own = _over(folding_of(like), own or {})
    folded = to_folded(
        graph,
        folding=own,
        style=style,
        part=part,
        clock_mhz=clock_mhz,
        like=like,
        checkpoints=checkpoints,
    )
    verify(folded, Stage.FOLDED)
    return folded


def _over(below: Folding, above: Folding) -> Folding:
    """Merge two foldings; choices of ``above`` take precedence."""
    return {name: {**below.get(name, {}), **above.get(name, {})} for name in {**below, **above}}


@dataclass(frozen=True)
class Goal:
    """The goal of a search for a folding, on ``part`` (None: any part, in plain logic).

    ``fps``: frames per second, exactly as asked or more. Without it ``interval``: cycles per frame
    of the slowest layer, or twice, four times ... as many. With neither: as fast as fits.
    """

    part: Part | None
    fps: float | None = None
    interval: int | None = None


def usual_goals(graph: Graph, part: Part | None, fps: float | None = None) -> list[Goal]:
    """Return the goals if the user names no part: ``part`` is assumed, or plain logic.

    Without a rate, the goal is `INTERVAL` cycles for each place of the largest map of a matrix
    layer. A design that does not fit the part is still made of its cells.
    """
    summed = (n for n in graph.nodes if n.cost().macs)
    places = max((n.y.size // n.y.channels for n in summed), default=1)
    interval = INTERVAL * places if fps is None else None
    parts = [part] if part is None else [part, part.without_limits()]
    return [Goal(p, fps, interval) for p in parts]


def fold_for(
    graph: Graph,
    clock_mhz: float,
    goals: Sequence[Goal],
    folding: str | Path | Folding | None = None,
    *,
    deep: bool = False,
    checkpoints: Path | None = None,
    progress: Progress = logged,
) -> tuple[Graph, Solution]:
    """Search for a folding that meets a goal: INTEGER to FOLDED, checked.

    The first of ``goals`` that can be met is used; if none can, the error of the last one is
    raised. ``deep``: make pipelines deep enough for the clock.
    """
    progress("searching for a folding", 0, 0)
    search = partial(
        to_target,
        graph,
        clock_hz=Fraction(clock_mhz) * 1_000_000,
        folding=read_folding(folding),
        clock_mhz=clock_mhz if deep else None,
        checkpoints=checkpoints,
    )
    folded, solution = _first_that_fits(search, goals)
    verify(folded, Stage.FOLDED)
    return folded, solution


def _first_that_fits(
    search: Callable[..., tuple[Graph, Solution]], goals: Sequence[Goal]
) -> tuple[Graph, Solution]:
    for goal in goals[:-1]:
        try:
            return search(**vars(goal))
        except FitError:
            continue
    return search(**vars(goals[-1]))


SMALLEST_SCALE = Fraction(1, 10**300)
"""Smallest value of a raw 1; its reciprocal is the largest."""


MOST_CHANNELS = 1 << 16
"""Largest number of elements of a list with one number for each channel."""


def read_folding(folding: str | Path | Folding | None) -> Folding | None:
    """Read a folding file; a folding, or None, is returned as it is."""
    if not isinstance(folding, str | Path):
        return folding
    value = read_json(Path(folding))
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise SpecError(f"{folding} must map node names to {{pe, simd, style, memory}}")
    return value


def parse_raw_input(name: str) -> IntType:
    """Return the type, of 1 to 16 bits, with a name such as ``uint8``."""
    match = _RAW_INPUT.fullmatch(name)
    if match is None:
        raise SpecError(f"the raw input must be uint1..uint16 or int1..int16, not {name!r}")
    bits = int(match[2])
    return (
        IntType(0, (1 << bits) - 1) if match[1] else IntType(-(1 << bits - 1), (1 << bits - 1) - 1)
    )


def parse_scale(scale: Numbers) -> tuple[Fraction, ...]:
    """Read positive rationals such as ``1/255``, ``0.5`` or ``1/58.395,1/57.12,1/57.375``."""
    values = _parse_numbers(scale, "scale", "1/255")
    for value in values:
        if value <= 0:
            raise SpecError(f"the input scale must be above zero, not {scale}")
        if not SMALLEST_SCALE <= value <= 1 / SMALLEST_SCALE:
            raise SpecError(f"the input scale must be 1e-300 to 1e300, not {scale}")
    return values


def parse_offset(offset: Numbers) -> tuple[Fraction, ...]:
    """Read rationals such as ``-1/2`` or ``-0.485/0.229,-0.456/0.224,-0.406/0.225``."""
    values = _parse_numbers(offset, "offset", "-0.5")
    for value in values:
        if value and not SMALLEST_SCALE <= abs(value) <= 1 / SMALLEST_SCALE:
            raise SpecError(f"the input offset must be 0 or 1e-300 to 1e300 in size, not {offset}")
    return values


def _parse_numbers(given: Numbers, what: str, example: str) -> tuple[Fraction, ...]:
    """Read one number or a list; a text is separated by commas."""
    if isinstance(given, str):
        listed: Sequence[object] = given.split(",")
    else:
        listed = [given] if isinstance(given, int | float | Fraction) else given
    if len(listed) > MOST_CHANNELS:
        raise SpecError(f"the input {what} must be at most {MOST_CHANNELS} numbers")
    try:
        return tuple(_quotient(str(v).strip()) for v in listed)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise SpecError(
            f"the input {what} must be a number such as {example}, not {given!r}"
        ) from error


def _quotient(text: str) -> Fraction:
    """Read a number, or a quotient of two."""
    above, slash, below = text.partition("/")
    if "/" in below:
        raise ValueError(f"{text!r} is not a quotient of two numbers")
    return rational(above) / rational(below) if slash else rational(above)
