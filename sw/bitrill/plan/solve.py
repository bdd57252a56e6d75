"""The folding that reaches a rate with the fewest LUTs, or the fastest that a part holds.

Nodes are gone through in order. What lies behind a node depends on the nodes before it through the
lanes of the open edges alone (those still to be read), so of all foldings so far with the same
lanes the cheapest is kept: dynamic programming, exact in chains and wherever no more than `STATES`
combinations are open. A place where two lanes meet that differ takes a converter and its FIFO,
which count like everything else; FIFOs count with two slots. Where block memory or flip-flops do
not suffice, they are given a price in LUTs, which is raised until they do (Everett 1963).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from ..errors import FitError, SpecError
from ..ir.graph import INPUT, Graph, Stage, verify
from .options import Choices, Option, convert_resources
from .parts import Part
from .resources import Resources, fifo_resources

STATES = 4000
"""Combinations of open lanes that are kept, the cheapest first."""

SLOTS = 2
"""Of every FIFO: what it has at least (see `bitrill.plan.depths`)."""

_TIE_FF, _TIE_BRAM = 2.0**-20, 2.0**-10
_PRICE_STEPS = 40


@dataclass(frozen=True)
class Solution:
    """``folding`` in the form of ``folding.json``; ``interval``: cycles of its slowest node.

    ``limits``: the nodes that take as long; ``faster``: the next shorter interval that the part
    holds, if any, with what it takes.
    """

    folding: Mapping[str, Mapping[str, Any]]
    interval: int
    resources: Resources
    limits: tuple[str, ...]
    faster: tuple[int, Resources] | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``compile --json`` says of it; resources are predicted."""
        faster = self.faster
        return {
            "interval": self.interval,
            "resources": asdict(self.resources),
            "limits": list(self.limits),
            "faster": None
            if faster is None
            else {"interval": faster[0], "resources": asdict(faster[1])},
        }

    def __str__(self) -> str:
        who = _listed(self.limits)
        line = f"{who}: {self.interval:,} cycles a frame ({self.resources})"
        if self.faster is None:
            return f"{line}; nothing faster fits"
        interval, more = self.faster
        return f"{line}; {interval:,} cycles would take {more.lcs - self.resources.lcs:+,} LUTs"


@dataclass(frozen=True)
class _Prices:
    """LUTs that half a RAMB36 and a flip-flop are worth."""

    bram18: float = _TIE_BRAM
    ff: float = _TIE_FF

    def of(self, r: Resources) -> float:
        return r.lcs + self.bram18 * r.bram18 + self.ff * r.ff


@dataclass(frozen=True)
class _Found:
    """The cheapest way so far, as a chain back to the first node."""

    price: float
    resources: Resources
    before: _Found | None = None
    name: str = ""
    option: Option | None = None


def solve(
    graph: Graph,
    *,
    clock_hz: Fraction | int,
    fps: Fraction | int | float | None = None,
    part: Part | None = None,
    folding: Mapping[str, Mapping[str, Any]] | None = None,
    interval: int | None = None,
) -> Solution:
    """The folding of an INTEGER graph for ``fps`` frames a second at ``clock_hz``, on ``part``.

    Without ``fps``: the fastest that fits. ``folding``: what is settled already, node by node and
    key by key. ``interval``: cycles a frame to reach, where it is not to follow from ``fps``.
    Raises `SpecError` if neither a rate nor a part is given, `FitError` (how far off, and what
    would fit) where the rate cannot be reached or the part does not hold it.
    """
    verify(graph, Stage.INTEGER)
    if fps is None and part is None and interval is None:
        raise SpecError("a rate or a part must be given for a folding to be solved for")
    if fps is not None and not fps > 0:
        raise SpecError(f"the rate must be above 0 frames a second, not {fps}")
    search = Search(graph, part, folding or {})
    clock = Fraction(clock_hz)
    if interval is None and fps is not None:
        interval = int(clock / Fraction(fps))
    if interval is None:
        found = _fastest(search, clock)
    else:
        search.require_reachable(interval, clock)
        found = search.cheapest(interval)
        if found is None:
            raise _too_large(search, interval, clock)
    return _solution(search, found)


class Search:
    """The choices of every node of a graph, and the cheapest of them together."""

    def __init__(self, graph: Graph, part: Part | None, folding: Mapping[str, Any]):
        self.graph, self.part = graph, part
        self.choices = {n.name: Choices(n, folding.get(n.name)) for n in graph.nodes}
        last = {e: n.name for n in graph.nodes for e in n.inputs}
        self._closes = {
            n.name: [e for e in last if last[e] == n.name and e != INPUT] for n in graph.nodes
        }
        self._found: dict[int, _Found | None] = {}

    @property
    def shortest(self) -> int:
        """The interval that the slowest node allows at most lanes."""
        return max(c.fastest for c in self.choices.values())

    def intervals(self) -> list[int]:
        """Every interval that a folding may have, ascending."""
        every = {o.cycles for c in self.choices.values() for o in c.options}
        return sorted(i for i in every if i >= self.shortest)

    def require_reachable(self, interval: int, clock: Fraction) -> None:
        """Raise unless each node can take a frame in so many cycles."""
        shortest = self.shortest
        if shortest <= interval:
            return
        slow = next(name for name, c in self.choices.items() if c.fastest == shortest)
        rate = clock / shortest
        raise FitError(
            f"{self.graph.name}: the rate needs a frame every {interval:,} cycles, and {slow} takes"
            f" {shortest:,} with all its lanes: {_number(rate)} frames/s at"
            f" {_number(clock / 10**6)} MHz at the most",
            needed=interval,
            reached=shortest,
            node=slow,
        )

    def cheapest(self, interval: int) -> _Found | None:
        """The folding of fewest LUTs within the interval that the part holds; None: none does."""
        if interval not in self._found:
            self._found[interval] = self._cheapest(interval)
        return self._found[interval]

    def _cheapest(self, interval: int) -> _Found | None:
        part, prices = self.part, _Prices()
        found = self.run(interval, prices)
        if part is None or not part.excess(found.resources):
            return found
        best: _Found | None = None
        low, high = 0.0, 0.0
        for _ in range(_PRICE_STEPS):
            r = found.resources
            if r.lcs > part.lcs:
                break
            if not part.excess(r):
                best, high = found, prices.bram18
                break
            more = prices.bram18 if r.bram18 <= 2 * part.bram36 else max(1.0, 2 * prices.bram18)
            low = prices.bram18 if more > prices.bram18 else low
            prices = _Prices(more, prices.ff if r.ff <= part.ff else max(1 / 16, 2 * prices.ff))
            found = self.run(interval, prices)
        for _ in range(6 if best and high > 1 else 0):  # the lowest price that does
            middle = (low + high) / 2
            found = self.run(interval, _Prices(middle, prices.ff))
            if part.excess(found.resources):
                low = middle
            else:
                best, high = min((best, found), key=lambda f: f.resources.lcs), middle
        return best

    def least(self, interval: int) -> Resources:
        """Of the folding of fewest LUTs, whatever the part holds."""
        return self.run(interval, _Prices()).resources

    def run(self, interval: int, prices: _Prices) -> _Found:
        """Dynamic programming over the nodes: states are the lanes of the open edges."""
        states: dict[tuple[tuple[str, int], ...], _Found] = {(): _Found(0.0, Resources())}
        for node in self.graph.nodes:
            options = self._best_options(node.name, interval, prices)
            entries: dict[tuple[Any, int], _Found] = {}
            for state, found in states.items():
                rest = tuple(e for e in state if e[0] not in self._closes[node.name])
                lanes = dict(state)
                for lanes_in in options:
                    r = self._arrival(node, lanes, lanes_in)
                    _keep(entries, (rest, lanes_in), found, found.price + prices.of(r), r)
            states = self._leave(node, options, entries, prices)
        return min(states.values(), key=lambda f: f.price)

    def _leave(
        self, node: Any, options: Any, entries: dict[tuple[Any, int], _Found], prices: _Prices
    ) -> dict[Any, _Found]:
        """The states behind a node."""
        open_edges = [e for e in node.outputs if e in self._readers()]
        states: dict[Any, _Found] = {}
        for (rest, lanes_in), found in entries.items():
            for option, own in options[lanes_in]:
                r = own + _fifos(node, option.lanes_out)
                price = found.price + prices.of(r)
                state = (*rest, *((e, option.lanes_out) for e in open_edges))
                known = states.get(state)
                if known is None or price < known.price:
                    states[state] = _Found(price, found.resources + r, found, node.name, option)
        if len(states) > STATES:
            kept = sorted(states.items(), key=lambda item: item[1].price)[:STATES]
            states = dict(kept)
        return states

    def _readers(self) -> set[str]:
        return {e for closed in self._closes.values() for e in closed}

    def _best_options(
        self, name: str, interval: int, prices: _Prices
    ) -> dict[int, list[tuple[Option, Resources]]]:
        """By input lanes: for each number of output lanes the cheapest option."""
        choices = self.choices[name]
        best: dict[tuple[int, int], tuple[float, Option, Resources]] = {}
        for o in choices.within(interval):
            r = choices.resources(o)
            key, price = (o.lanes_in, o.lanes_out), prices.of(r)
            if key not in best or price < best[key][0]:
                best[key] = (price, o, r)
        out: dict[int, list[tuple[Option, Resources]]] = {}
        for (lanes_in, _), (_, o, r) in sorted(best.items(), key=lambda item: item[0]):
            out.setdefault(lanes_in, []).append((o, r))
        return out

    def _arrival(self, node: Any, lanes: Mapping[str, int], lanes_in: int) -> Resources:
        """Converters in front of a node, with their FIFOs; the input edge has the node's lanes."""
        total = Resources()
        for edge, operand in zip(node.inputs, node.operands, strict=True):
            fifo = fifo_resources(lanes_in * operand.type.bits, SLOTS)
            if edge == INPUT:
                total += fifo
            elif lanes[edge] != lanes_in:
                total += convert_resources(lanes[edge], lanes_in, operand.type) + fifo
        return total


def _keep(entries: dict[Any, _Found], key: Any, found: _Found, price: float, r: Resources) -> None:
    known = entries.get(key)
    if known is None or price < known.price:
        entries[key] = _Found(price, found.resources + r, found)


def _fifos(node: Any, lanes: int) -> Resources:
    total = Resources()
    for t in node.results:
        total += fifo_resources(lanes * t.type.bits, SLOTS)
    return total


def _solution(search: Search, found: _Found) -> Solution:
    """Read back, with who limits and what is next."""
    chosen: dict[str, Option] = {}
    at: _Found | None = found
    while at is not None:
        if at.option is not None:
            chosen[at.name] = at.option
        at = at.before
    interval = max(o.cycles for o in chosen.values())
    names = [n.name for n in search.graph.nodes]
    shorter = [i for i in search.intervals() if i < interval]
    quicker = search.cheapest(shorter[-1]) if shorter else None
    return Solution(
        folding={
            n: {"pe": o.pe, "simd": o.simd, "style": o.style, "memory": o.memory}
            for n, o in ((n, chosen[n].impl) for n in names)
        },
        interval=interval,
        resources=found.resources,
        limits=tuple(n for n in names if chosen[n].cycles == interval),
        faster=None if quicker is None else (shorter[-1], quicker.resources),
    )


def _fastest(search: Search, clock: Fraction) -> _Found:
    """Bisection: what fits at an interval fits at a longer one."""
    intervals = search.intervals()
    found = search.cheapest(intervals[-1])
    if found is None:
        raise _too_large(search, intervals[-1], clock)
    low, high = 0, len(intervals) - 1
    while low < high:
        middle = (low + high) // 2
        there = search.cheapest(intervals[middle])
        if there is None:
            low = middle + 1
        else:
            found, high = there, middle
    return found


def _too_large(search: Search, interval: int, clock: Fraction) -> FitError:
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


def _reached(found: _Found) -> int:
    at: _Found | None = found
    cycles = 1
    while at is not None:
        cycles = max(cycles, 0 if at.option is None else at.option.cycles)
        at = at.before
    return cycles


def _listed(names: tuple[str, ...]) -> str:
    """Who limits, in words."""
    if len(names) == 1:
        return f"{names[0]} limits"
    if len(names) > 3:
        names = (*names[:2], f"{len(names) - 2} more")
    return f"{', '.join(names[:-1])} and {names[-1]} limit"


def _number(value: Fraction) -> str:
    """Three digits behind the point at most, thousands apart."""
    return f"{float(value):,.3f}".rstrip("0").rstrip(".")


__all__ = ["Search", "Solution", "solve"]
