"""Choosing a folding: the fewest LUTs for a rate, or the fastest that fits a part.

The search itself is in `bitrill.folding.search`; here are its question, its answer and its errors.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction

from ..errors import FitError, SpecError
from ..ir import Folding, Graph, Stage, verify
from ..ops import MatVec
from ..ops.units import Select, Unit
from ..parts.devices import Part
from ..resources.estimate import Resources, held_out_errors
from .options import Choices, Option
from .search import FoldingChain, FoldingSearch, all_choices

CHOSEN = ("pe", "simd", "style", "memory", "multiply")
"""Choices of `Impl` that the search makes."""


@dataclass(frozen=True, repr=False)
class Solution:
    """``folding`` in the form of ``folding.json``; ``interval``: cycles of its slowest node.

    ``limits``: the nodes that take as long; ``faster``: the next shorter interval that the part
    holds, if any, with what it takes; ``zeros``: the layers of N:M sparse rows whose zeros
    are multiplied all the same, and how many LUTs more lanes that choose would take.
    """

    folding: Folding
    interval: int
    resources: Resources
    limits: tuple[str, ...]
    faster: tuple[int, Resources] | None = None
    zeros: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """What ``compile --json`` says of it; resources are predicted, ``error``: how well."""
        faster = self.faster
        return {
            "interval": self.interval,
            "resources": asdict(self.resources),
            "error": dict(held_out_errors()),
            "limits": list(self.limits),
            "faster": None
            if faster is None
            else {"interval": faster[0], "resources": asdict(faster[1])},
        }

    def __str__(self) -> str:
        names = list(self.limits)
        shown = names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} more"]
        slowest = " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
        faster = "none that fits"
        if self.faster is not None:
            interval, resources = self.faster
            luts = resources.lcs - self.resources.lcs
            slices = resources.dsp - self.resources.dsp
            difference = f"{luts:+,} LUTs" + (f", {slices:+,} DSPs" if slices else "")
            faster = f"{interval:,} cycles a frame would take {difference}"
        return (
            f"slowest layer{'s' if len(names) > 1 else ''}: {slowest},"
            f" {self.interval:,} cycles a frame\n"
            f"faster folding: {faster}"
        ) + "".join(
            f"\n{name}: its N:M zeros are multiplied, as leaving them out takes {luts:+,} LUTs"
            for name, luts in self.zeros.items()
        )

    def __repr__(self) -> str:
        return f"<Solution {len(self.folding)} nodes, {self.interval:,} cycles, {self.resources}>"


def solve(
    graph: Graph,
    *,
    clock_hz: Fraction | int,
    fps: Fraction | int | float | None = None,
    part: Part | None = None,
    folding: Folding | None = None,
    interval: int | None = None,
    slower: bool = False,
    choices: Mapping[str, Choices] | None = None,
) -> Solution:
    """The folding of an INTEGER graph for ``fps`` frames a second at ``clock_hz``, on ``part``.

    Without ``fps``: the fastest that fits. ``folding``: what is settled already, node by node and
    key by key. ``interval``: cycles a frame to reach, where it is not to follow from ``fps``.
    ``slower``: take twice, four times ... as many where the nodes or ``part`` ask for it.
    ``choices``: in place of ``folding``, those of an earlier search (`all_choices`).
    Raises `SpecError` if neither a rate nor a part is given, `FitError` (how far off, and what
    would fit) where the rate cannot be reached or the part does not hold it.
    """
    verify(graph, Stage.INTEGER)
    if fps is None and part is None and interval is None:
        raise SpecError("a rate or a part must be given for a folding to be solved for")
    if fps is not None and not fps > 0:
        raise SpecError(f"the rate must be above 0 frames a second, not {fps}")
    search = FoldingSearch(graph, part, choices or all_choices(graph, part, folding or {}))
    clock = Fraction(clock_hz)
    if interval is None and fps is not None:
        interval = int(clock / Fraction(fps))
    if interval is None:
        chain = _fastest(search, clock)
    elif slower:
        chain = _not_much_slower(search, interval, clock)
    else:
        _require_reachable(search, interval, clock)
        chain = search.cheapest(interval)
        if chain is None:
            raise _too_large(search, interval, clock)
    return _solution(search, chain)


def _not_much_slower(search: FoldingSearch, interval: int, clock: Fraction) -> FoldingChain:
    """Return the cheapest folding of the first of ``interval * 2**k`` cycles that fits."""
    slowest = search.intervals()[-1]
    while True:
        chain = search.cheapest(interval) if interval >= search.shortest else None
        if chain is not None:
            return chain
        if interval >= slowest:
            raise _too_large(search, slowest, clock)
        interval *= 2


def _require_reachable(search: FoldingSearch, interval: int, clock: Fraction) -> None:
    """Raise unless each node can take a frame in so many cycles."""
    shortest = search.shortest
    if shortest <= interval:
        return
    slow = next(name for name, c in search.choices.items() if c.fastest == shortest)
    rate = clock / shortest
    raise FitError(
        f"{search.graph.name}: the rate needs a frame every {interval:,} cycles, and {slow} takes"
        f" {shortest:,} with all its lanes: {_number(rate)} frames/s at"
        f" {_number(clock / 10**6)} MHz at the most",
        needed=interval,
        reached=shortest,
        node=slow,
    )


def _solution(search: FoldingSearch, chain: FoldingChain) -> Solution:
    """Read back, with who limits and what is next."""
    chosen: dict[str, Option] = {}
    at: FoldingChain | None = chain
    while at is not None:
        if at.option is not None:
            chosen[at.name] = at.option
        at = at.before
    interval = max(o.cycles for o in chosen.values())
    names = [n.name for n in search.graph.nodes]
    shorter = [i for i in search.intervals() if i < interval]
    quicker = search.cheapest(shorter[-1]) if shorter else None
    return Solution(
        folding={n: {key: getattr(chosen[n].impl, key) for key in CHOSEN} for n in names},
        interval=interval,
        resources=chain.resources,
        limits=tuple(n for n in names if chosen[n].cycles == interval),
        faster=None if quicker is None else (shorter[-1], quicker.resources),
        zeros=_multiplied_zeros(search, chosen, interval),
    )


def _multiplied_zeros(
    search: FoldingSearch, chosen: Mapping[str, Option], interval: int
) -> dict[str, int]:
    """Return the entries of `Solution.zeros`."""
    added: dict[str, int] = {}
    for name, option in chosen.items():
        choices = search.choices[name]
        node = choices.node
        used = choices.resources(option)
        if not isinstance(node, MatVec) or _unit(node, option).leaves_zeros_out or used.dsp:
            continue
        others = (o for o in choices.within(interval) if _alike(o, option))
        luts = min(
            (choices.resources(o).lcs for o in others if isinstance(_unit(node, o), Select)),
            default=0,
        )
        if luts > used.lcs:
            added[name] = luts - used.lcs
    return added


def _alike(a: Option, b: Option) -> bool:
    return (a.impl.pe, a.impl.simd, a.impl.memory) == (b.impl.pe, b.impl.simd, b.impl.memory)


def _unit(node: MatVec, option: Option) -> Unit:
    return node.unit_of(option.impl.style, option.impl.multiply)


def _fastest(search: FoldingSearch, clock: Fraction) -> FoldingChain:
    """Bisection: what fits at an interval fits at a longer one."""
    intervals = search.intervals()
    chain = search.cheapest(intervals[-1])
    if chain is None:
        raise _too_large(search, intervals[-1], clock)
    low, high = 0, len(intervals) - 1
    while low < high:
        middle = (low + high) // 2
        there = search.cheapest(intervals[middle])
        if there is None:
            low = middle + 1
        else:
            chain, high = there, middle
    return chain


def _too_large(search: FoldingSearch, interval: int, clock: Fraction) -> FitError:
    """How far off the part is at an interval, and what it holds."""
    part = search.part
    if part is None:
        raise SpecError("a part must be given for a design to be too large for it")
    used = search.least(interval)
    over = part.excess(used) or [f"bram36 at fewest LUTs of {part.lcs}"]
    slower = [i for i in search.intervals() if i > interval]
    hint = "it holds no folding of this network"
    if slower and search.cheapest(slower[-1]) is not None:
        reached = _reached(_fastest(search, clock))
        hint = f"it holds {reached:,} cycles ({_number(clock / reached)} frames/s)"
    enough = part.enough(used)
    return FitError(
        f"{search.graph.name}: a frame every {interval:,} cycles does not fit {part.name}:"
        f" {'; '.join(over)}; {hint}; {enough}",
        over=over,
        interval=interval,
    )


def _reached(chain: FoldingChain) -> int:
    at: FoldingChain | None = chain
    cycles = 1
    while at is not None:
        cycles = max(cycles, 0 if at.option is None else at.option.cycles)
        at = at.before
    return cycles


def _number(value: Fraction) -> str:
    """Three digits behind the point at most, thousands apart."""
    return f"{float(value):,.3f}".rstrip("0").rstrip(".")
