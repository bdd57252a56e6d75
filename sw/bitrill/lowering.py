"""The pipeline of passes that turns an imported graph into one that hardware can be made of.

After each pass the runner checks that the graph keeps the promises of its stage, and that its
outputs for some probe inputs mean exactly the same numbers as before.
"""

import dataclasses
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from .errors import FitError, StageError
from .exact import Real
from .folding.fold import fold, set_depths
from .folding.search import all_choices
from .folding.solve import Solution, solve
from .folding.weight_codings import settle_codings
from .ir import Graph, Stage, Style, serialisation, verify
from .parts.devices import Part
from .passes.forks import insert_forks
from .passes.head import add_argmax
from .passes.narrow import narrow_widths
from .passes.polarity import turn_polarity
from .passes.ranking import ascending
from .passes.thresholding import to_thresholds
from .real import Affine
from .resources.estimate import Resources, network_resources
from .storage import write_text
from .timing.predict import predict

Pass: TypeAlias = Callable[[Graph], Graph]

Folding: TypeAlias = Mapping[str, Mapping[str, object]]
"""Choices by node name, in the form of ``folding.json``."""

INTEGER: tuple[Pass, ...] = (
    to_thresholds,  # first: all others move integers only
    # here channels go, if asked: behind thresholds, whose constants it finds, before narrowing;
    # then matrices are split, before rows are negated, which would make more vectors
    turn_polarity,  # before narrowing: a row may need its type's other end
    narrow_widths,  # last: it measures the values that the others leave
)
"""Passes from IMPORTED to INTEGER."""

HEAD = len(INTEGER) + 3
"""Number of the pass that adds decisions; after narrowing, as it ranks every value that is left."""

ROUNDS = 6
"""Largest number of foldings that `to_target` tries."""

PROBES = 16
"""Random inputs that each pass is checked on, beside the corners."""

PROBE_ELEMENTS = 1 << 22
"""Largest number of elements of all edges in a check; a large graph takes fewer random inputs."""


def to_integer(
    graph: Graph,
    *,
    top: int | None = None,
    drop: Pass | None = None,
    split: Pass | None = None,
    checkpoints: Path | None = None,
) -> Graph:
    """Take a graph from IMPORTED to INTEGER; ``top``: end in the ``top`` best classes.

    ``drop``: the pass that takes out channels, `drop_channels`; without it each layer keeps its
    shape, and can be compared with the model's. ``split``: the pass that cuts matrices in two,
    `split_products`. ``checkpoints``: a folder for the graph after each pass, ``NN_pass/``. Raises
    `StageError` for a graph that is not IMPORTED, `UnsupportedError` for a function that integers
    cannot compute.
    """
    verify(graph, Stage.IMPORTED)
    _checkpoint(graph, checkpoints, 0, "imported")
    first, *others = INTEGER
    asked = [step for step in (drop, split) if step is not None]
    passes = (first, *asked, *others)
    graph = run_passes(graph, passes, checkpoints=checkpoints, first=1)
    if top is not None:
        head = partial(add_argmax, k=top)
        graph = run_passes(graph, (head,), checkpoints=checkpoints, first=HEAD)
    return graph


def to_folded(
    graph: Graph,
    *,
    folding: Folding | None = None,
    style: Style = "folded",
    part: Part | None = None,
    clock_mhz: float | None = None,
    like: Graph | None = None,
    expected: Mapping[str, int] | None = None,
    checkpoints: Path | None = None,
) -> Graph:
    """Take a graph from INTEGER to FOLDED; ``folding`` overrides the default, key by key.

    ``style``: of matrices that ``folding`` does not mention; ``part``: what unrolled ones must
    fit; ``clock_mhz``: the clock that pipelines are made deep enough for (see
    `bitrill.resources.clock`); ``like``: a FOLDED graph whose types are kept; ``expected``: FIFO
    depths that are tried first. Raises `StageError`
    for a graph that is not INTEGER, `SpecError` with every fault of ``folding``, `FitError` for a
    matrix too large to be unrolled, and for layers that do not fit those of ``like``.
    """
    verify(graph, Stage.INTEGER)
    folded = (
        insert_forks,  # before folding, which chooses a fork's lanes, too
        partial(
            fold, folding=folding or {}, style=style, part=part, clock_mhz=clock_mhz, like=like
        ),
        partial(set_depths, expected=expected),  # last: the timing of every node is known
    )
    return run_passes(graph, folded, checkpoints=checkpoints, first=HEAD + 1)


def to_target(
    graph: Graph,
    *,
    clock_hz: Fraction | int,
    fps: Fraction | int | float | None = None,
    interval: int | None = None,
    part: Part | None = None,
    folding: Folding | None = None,
    clock_mhz: float | None = None,
    checkpoints: Path | None = None,
) -> tuple[Graph, Solution]:
    """Fold an INTEGER graph with the fewest LUTs for a rate, or as fast as a part holds.

    ``interval``: in place of a rate, cycles a frame of the slowest layer, which is no promise:
    twice, four times ... as many are taken where the layers or the part ask for it.
    `bitrill.folding.solve` knows the intervals of single nodes. Here the exact interval of the
    whole network counts, and its FIFOs at their real depths. If they miss the rate, a shorter
    interval is solved for; if they do not fit, a part that is smaller by as much; `ROUNDS` times at
    most. Raises as `solve` does.
    """
    wanted = None if fps is None else Fraction(clock_hz) / Fraction(fps)
    if folding:
        fold(insert_forks(graph), folding)  # refuses a wrong folding before the search
    graph, settled, codings = settle_codings(graph, folding or {})
    slower, room, last, misfit = interval is not None, part, "", None
    choices_of = all_choices(graph, part, settled)
    depths: Mapping[str, int] = {}
    for _ in range(ROUNDS):
        search = partial(solve, graph, clock_hz=clock_hz, fps=fps, choices=choices_of)
        try:
            solution = search(part=room, interval=interval, slower=slower)
        except FitError:
            if wanted is not None and part is not None and misfit is not None:
                part.require_fit(misfit)
            raise
        # what a fork is told is settled alone
        given = (solution.folding, settled, codings)
        names = {**solution.folding, **settled}
        choices = {n: {k: v for each in given for k, v in each.get(n, {}).items()} for n in names}
        folded = to_folded(
            graph,
            folding=choices,
            part=part,
            clock_mhz=clock_mhz,
            expected=depths,
            checkpoints=checkpoints,
        )
        ii, depths = predict(folded).ii, folded.depths
        used = sum(network_resources(folded).values(), Resources())
        last = f"a frame every {_cycles(ii)} cycles, {used}"
        if wanted is not None and ii > wanted:
            interval = min(solution.interval - 1, int(solution.interval * wanted / ii))
            continue
        if part is None or not part.excess(used):
            return folded, solution
        room, misfit = _without(part, used, solution.resources), used
    raise FitError(
        f"{graph.name}: no folding meets the rate and fits the part once timing and FIFOs of the"
        f" whole network are counted; the last one tried: {last}"
    )


def _without(part: Part, used: Resources, counted: Resources) -> Part:
    """Shrink a part by what the network takes beyond the resources that a solution counted."""
    return dataclasses.replace(
        part,
        lcs=part.lcs - max(0, used.lcs - counted.lcs),
        ff=part.ff - max(0, used.ff - counted.ff),
        bram36=part.bram36 - max(0, used.bram18 - counted.bram18 + 1) // 2,
    )


def _cycles(ii: Fraction) -> str:
    return f"{float(ii):,.1f}".removesuffix(".0")


def run_passes(
    graph: Graph, passes: tuple[Pass, ...], *, checkpoints: Path | None = None, first: int = 1
) -> Graph:
    """Run passes in order and check each; `StageError` names the one that breaks the graph."""
    x = probe(graph)
    y = graph.run(x)
    for number, step in enumerate(passes, first):
        name = getattr(step, "func", step).__name__
        after = step(graph)
        verify(after, after.stage)
        y_after = after.run(x)
        fault = difference(graph, y, after, y_after)
        if fault:
            raise StageError(f"{graph.name}: pass {name} changed the function: {fault}")
        graph, y = after, y_after
        _checkpoint(graph, checkpoints, number, name)
    return graph


def probe(graph: Graph) -> np.ndarray:
    """Make inputs to check a graph on: all lowest, all highest, random ones; always the same."""
    t = graph.source.tensor.type
    rng = np.random.default_rng(0)
    n = PROBE_ELEMENTS // sum(t.size for t in graph.edges.values())
    shape = (max(1, min(PROBES, n)), *graph.source.shape)
    drawn = t.values()[rng.integers(0, t.n_values, shape)]
    corners = [np.full((1, *graph.source.shape), v) for v in (t.lo, t.hi)]
    return np.concatenate([*corners, drawn])


def difference(before: Graph, y: np.ndarray, after: Graph, y_after: np.ndarray) -> str:
    """Say how outputs of two graphs differ in the numbers that they mean; empty if equal."""
    a, b = before.sink, after.sink
    if a.scale and not b.scale:
        k = b.shape[0]
        rows = [decisions(row, Affine(a.scale, a.offset), k) for row in y]
        return _first(np.array(rows), y_after)
    if (a.scale, a.offset) == (b.scale, b.offset):
        return _first(y, y_after)
    if y.shape != y_after.shape or bool(a.scale) != bool(b.scale):
        return f"the output is {b}, not {a}"
    return _first(_meaning(y, before), _meaning(y_after, after))


def decisions(scores: np.ndarray, meaning: Affine, k: int) -> list[int]:
    """Return the indices of the ``k`` highest real scores, exactly; of equal ones the lowest."""
    return ascending([-meaning(Fraction(int(v)), c) for c, v in enumerate(scores.ravel())])[:k]


def _meaning(y: np.ndarray, graph: Graph) -> np.ndarray:
    """Return the exact real numbers of outputs ``[N, *shape]``, as an array of objects."""
    sink = graph.sink
    meaning = Affine(sink.scale, sink.offset)
    rows = sink.flatten(y).reshape(-1, sink.tensor.channels)
    reals: list[Real] = [meaning(Fraction(int(v)), c) for row in rows for c, v in enumerate(row)]
    out = np.empty(len(reals), object)
    out[:] = reals
    return sink.restore(out.reshape(-1, *sink.tensor.shape))


def _first(expected: np.ndarray, seen: np.ndarray) -> str:
    if expected.shape != seen.shape:
        return f"outputs have shape {list(seen.shape)}, not {list(expected.shape)}"
    wrong = np.argwhere(expected != seen)
    if not len(wrong):
        return ""
    sample, *place = (int(i) for i in wrong[0])
    where = (sample, *place)
    return f"output {place} of probe {sample} is {seen[where]}, not {expected[where]}"


def _checkpoint(graph: Graph, folder: Path | None, number: int, name: str) -> None:
    if folder is not None:
        here = folder / f"{number:02}_{name}"
        serialisation.save(graph, here)
        write_text(here / "graph.txt", f"{graph}\n")
