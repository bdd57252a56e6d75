"""The cheapest foldings of all nodes together, for a given number of cycles a frame.

Nodes are gone through in order. What lies behind a node depends on the nodes before it through the
lanes of the open edges alone (those still to be read), so of all foldings so far with the same
lanes the cheapest is kept: dynamic programming, exact in chains and wherever no more than `STATES`
combinations are open. A place where two lanes meet that differ takes a converter and its FIFO,
which count like everything else; FIFOs count with two slots. Where block memory or flip-flops do
not suffice, their price in LUTs is raised until they do (Everett 1963); where LUTs do not, block
memory costs next to nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..ir import INPUT, Graph
from ..parts.devices import Part
from ..parts.memories import LUTS_OF_HALF
from ..resources.estimate import Resources, fifo_resources
from .options import Choices, Option, convert_resources

STATES = 4000
"""Most combinations of open lanes that are kept, the cheapest first."""

SLOTS = 2
"""Slots of every FIFO while searching: the fewest (see `bitrill.timing.fifo_depths`)."""

_TIE_FF, _TIE_BRAM = 2.0**-20, 2.0**-10

LEAST_SAVED = LUTS_OF_HALF / 8
"""LUTs that half a RAMB36 must save where nothing is scarce: an eighth of its share of a part. Else
tables of a few words would take blocks of 18 kbit, for a LUT or two."""

_PRICE_STEPS = 40


@dataclass(frozen=True)
class Prices:
    """Prices in LUTs of half a RAMB36 and of a flip-flop."""

    bram18: float = _TIE_BRAM
    ff: float = _TIE_FF

    def of(self, r: Resources) -> float:
        """Return what ``r`` costs."""
        return r.lcs + self.bram18 * r.bram18 + self.ff * r.ff


@dataclass(frozen=True)
class Chain:
    """The cheapest foldings of the nodes so far, as a chain back to the first node."""

    price: float
    resources: Resources
    before: "Chain | None" = None
    name: str = ""
    option: Option | None = None


class Search:
    """The choices of every node of a graph, and the cheapest of them together."""

    def __init__(self, graph: Graph, part: Part | None, folding: Mapping[str, Any]):
        self.graph, self.part = graph, part
        made_of = {} if part is None else {"primitives": part.family}
        self.choices = {
            n.name: Choices(n, {**made_of, **folding.get(n.name, {})}) for n in graph.nodes
        }
        last = {e: n.name for n in graph.nodes for e in n.inputs}
        self._closes = {
            n.name: [e for e in last if last[e] == n.name and e != INPUT] for n in graph.nodes
        }
        self._read = {e for closed in self._closes.values() for e in closed}
        self._known: dict[int, Chain | None] = {}

    @property
    def shortest(self) -> int:
        """The interval of the slowest node, each with all its lanes."""
        return max(c.fastest for c in self.choices.values())

    def intervals(self) -> list[int]:
        """Return every interval that a folding may have, ascending."""
        every = {o.cycles for c in self.choices.values() for o in c.options}
        return sorted(i for i in every if i >= self.shortest)

    def cheapest(self, interval: int) -> Chain | None:
        """Return the folding of fewest LUTs within the interval, None if the part holds none."""
        if interval not in self._known:
            self._known[interval] = self._cheapest(interval)
        return self._known[interval]

    def _cheapest(self, interval: int) -> Chain | None:
        part, prices = self.part, Prices()
        chain = self.run(interval, Prices(LEAST_SAVED))
        if part is None or not part.excess(chain.resources):
            return chain
        chain = self.run(interval, prices)
        if not part.excess(chain.resources):
            return chain
        best: Chain | None = None
        low, high = 0.0, 0.0
        for _ in range(_PRICE_STEPS):
            r = chain.resources
            if r.lcs > part.lcs:
                break
            if not part.excess(r):
                best, high = chain, prices.bram18
                break
            bram18 = prices.bram18 if r.bram18 <= 2 * part.bram36 else max(1.0, 2 * prices.bram18)
            low = prices.bram18 if bram18 > prices.bram18 else low
            prices = Prices(bram18, prices.ff if r.ff <= part.ff else max(1 / 16, 2 * prices.ff))
            chain = self.run(interval, prices)
        for _ in range(6 if best and high > 1 else 0):  # the lowest price that does
            middle = (low + high) / 2
            chain = self.run(interval, Prices(middle, prices.ff))
            if part.excess(chain.resources):
                low = middle
            else:
                high = middle
                if best is None or chain.resources.lcs < best.resources.lcs:
                    best = chain
        return best

    def least(self, interval: int) -> Resources:
        """Return what the folding of fewest LUTs takes, whatever the part holds."""
        return self.run(interval, Prices()).resources

    def run(self, interval: int, prices: Prices) -> Chain:
        """Return the cheapest folding at these prices, by dynamic programming over the nodes.

        States are the lanes of the open edges.
        """
        states: dict[tuple[tuple[str, int], ...], Chain] = {(): Chain(0.0, Resources())}
        for node in self.graph.nodes:
            options = self._best_options(node.name, interval, prices)
            entries: dict[tuple[Any, int], Chain] = {}
            for state, chain in states.items():
                rest = tuple(e for e in state if e[0] not in self._closes[node.name])
                lanes = dict(state)
                for lanes_in in options:
                    r = self._arrival(node, lanes, lanes_in)
                    _keep(entries, (rest, lanes_in), chain, chain.price + prices.of(r), r)
            states = self._leave(node, options, entries, prices)
        return min(states.values(), key=lambda f: f.price)

    def _leave(
        self, node: Any, options: Any, entries: dict[tuple[Any, int], Chain], prices: Prices
    ) -> dict[Any, Chain]:
        """Return the states behind a node."""
        open_edges = [e for e in node.outputs if e in self._read]
        states: dict[Any, Chain] = {}
        for (rest, lanes_in), chain in entries.items():
            for option, own in options[lanes_in]:
                r = own + _fifos(node, option.lanes_out)
                price = chain.price + prices.of(r)
                state = (*rest, *((e, option.lanes_out) for e in open_edges))
                known = states.get(state)
                if known is None or price < known.price:
                    states[state] = Chain(price, chain.resources + r, chain, node.name, option)
        if len(states) > STATES:
            kept = sorted(states.items(), key=lambda item: item[1].price)[:STATES]
            states = dict(kept)
        return states

    def _best_options(
        self, name: str, interval: int, prices: Prices
    ) -> dict[int, list[tuple[Option, Resources]]]:
        """Return the cheapest option for each pair of input and output lanes, by input lanes."""
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
        """Return the converters in front of a node with their FIFOs; the input edge needs none."""
        total = Resources()
        for edge, operand in zip(node.inputs, node.operands, strict=True):
            fifo = fifo_resources(lanes_in * operand.type.bits, SLOTS)
            if edge == INPUT:
                total += fifo
            elif lanes[edge] != lanes_in:
                total += convert_resources(lanes[edge], lanes_in, operand.type) + fifo
        return total


def _keep(entries: dict[Any, Chain], key: Any, chain: Chain, price: float, r: Resources) -> None:
    known = entries.get(key)
    if known is None or price < known.price:
        entries[key] = Chain(price, chain.resources + r, chain)


def _fifos(node: Any, lanes: int) -> Resources:
    return sum((fifo_resources(lanes * t.type.bits, SLOTS) for t in node.results), Resources())
