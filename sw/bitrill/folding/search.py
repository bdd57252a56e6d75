"""The cheapest foldings of all nodes together, for a given number of cycles a frame.

Nodes are gone through in order. What lies behind a node depends on the nodes before it through the
lanes of the open edges alone (those still to be read), so of all foldings so far with the same
lanes the cheapest is kept: dynamic programming, exact in chains and wherever no more than `STATES`
combinations are open. A place where two lanes meet that differ takes a converter and its FIFO,
which count like everything else; FIFOs count with two slots. Block memories and DSP slices have a
price in LUTs, an eighth of their share of the part, so that they are taken where they save more.
Where block memory, slices or flip-flops do not suffice, their price is raised until they do
(Everett 1963); where LUTs do not, block memory and slices cost next to nothing.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from ..ir import INPUT, Folding, Graph, Operator
from ..parts.devices import Part
from ..parts.memories import LUTS_OF_HALF
from ..resources.estimate import Resources, fifo_resources
from .options import Choices, Option, convert_resources

STATES = 4000
"""Most combinations of open lanes that are kept, the cheapest first."""

SLOTS = 2
"""Slots of every FIFO while searching: the fewest (see `bitrill.timing.fifo_depths`)."""

_TIE_FF, _TIE_BRAM, _TIE_DSP = 2.0**-20, 2.0**-10, 2.0**-9

LEAST_SHARE = 1 / 8
"""Part of its share of the LUTs that a hard block must save where nothing is scarce. Else tables of
a few words would take blocks of 18 kbit, and products of a few bits a slice, for a LUT or two."""

LEAST_SAVED = LUTS_OF_HALF * LEAST_SHARE
"""LUTs that half a RAMB36 must save where nothing is scarce."""

_PRICE_STEPS = 40

_REFINEMENTS = 6


@dataclass(frozen=True)
class Prices:
    """Prices in LUTs of half a RAMB36, of a flip-flop and of a DSP slice."""

    bram18: float = _TIE_BRAM
    ff: float = _TIE_FF
    dsp: float = _TIE_DSP

    @staticmethod
    def usual(part: Part | None) -> "Prices":
        """Return the prices where nothing is scarce.

        A slice must save an eighth of the LUTs that ``part`` has for each slice: 30 on an xc7z020
        (53,200 LUTs, 220 slices). On a part without slices it must save all LUTs.
        """
        if part is None:
            return Prices(LEAST_SAVED)
        return Prices(LEAST_SAVED, dsp=LEAST_SHARE * part.lcs / part.dsp if part.dsp else part.lcs)

    def of(self, r: Resources) -> float:
        """Return what ``r`` costs."""
        return r.lcs + self.bram18 * r.bram18 + self.ff * r.ff + self.dsp * r.dsp

    def raised(self, r: Resources, part: Part) -> "Prices":
        """Return twice the price of everything that ``r`` has more of than ``part``."""
        return Prices(
            self.bram18 if r.bram18 <= 2 * part.bram36 else max(1.0, 2 * self.bram18),
            self.ff if r.ff <= part.ff else max(1 / 16, 2 * self.ff),
            self.dsp if r.dsp <= part.dsp else max(1.0, 2 * self.dsp),
        )

    def halfway(self, other: "Prices") -> "Prices":
        """Return the means of two prices each."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Prices(*((a + b) / 2 for a, b in pairs))


Lanes = tuple[tuple[str, int], ...]
"""Open edges, and the lanes with which each is written."""

Options = dict[int, list[tuple[Option, Resources]]]
"""The cheapest options of a node, by their input lanes."""


@dataclass(frozen=True)
class FoldingChain:
    """The cheapest foldings of the nodes so far, as a chain back to the first node."""

    price: float
    resources: Resources
    before: "FoldingChain | None" = None
    name: str = ""
    option: Option | None = None


def all_choices(graph: Graph, part: Part | None, folding: Folding) -> dict[str, Choices]:
    """Return the choices of every node, by name, in cells of ``part``'s family.

    ``folding``: what is settled already. Choices keep what they compute, for several searches.
    """
    made_of = {} if part is None else {"primitives": part.family}
    return {n.name: Choices(n, {**made_of, **folding.get(n.name, {})}) for n in graph.nodes}


class FoldingSearch:
    """The choices of every node of a graph, and the cheapest of them together."""

    def __init__(self, graph: Graph, part: Part | None, choices: Mapping[str, Choices]):
        self.graph, self.part, self.choices = graph, part, choices
        last = {e: n.name for n in graph.nodes for e in n.inputs}
        self._closes = {
            n.name: [e for e in last if last[e] == n.name and e != INPUT] for n in graph.nodes
        }
        self._read = {e for closed in self._closes.values() for e in closed}
        self._known: dict[int, FoldingChain | None] = {}

    @property
    def shortest(self) -> int:
        """The interval of the slowest node, each with all its lanes."""
        return max(c.fastest for c in self.choices.values())

    def intervals(self) -> list[int]:
        """Return every interval that a folding may have, ascending."""
        every = {o.cycles for c in self.choices.values() for o in c.options}
        return sorted(i for i in every if i >= self.shortest)

    def cheapest(self, interval: int) -> FoldingChain | None:
        """Return the folding of fewest LUTs within the interval, None if the part holds none."""
        if interval not in self._known:
            self._known[interval] = self._cheapest(interval)
        return self._known[interval]

    def _cheapest(self, interval: int) -> FoldingChain | None:
        starts = (Prices.usual(self.part), Prices())
        chains = (self._affordable(interval, prices) for prices in starts)
        return next((chain for chain in chains if chain is not None), None)

    def _affordable(self, interval: int, prices: Prices) -> FoldingChain | None:
        """Return the cheapest folding that fits, at ``prices`` or what they must be raised to."""
        part, low = self.part, prices
        chain = self.run(interval, prices)
        for _ in range(_PRICE_STEPS):
            if part is None or not part.excess(chain.resources):
                return self._refined(interval, low, prices, chain)
            luts, most = part.utilisation(chain.resources)["lcs"]
            # at a price above all LUTs of the part, whatever fits it would have been cheaper
            if luts > most or max(astuple(prices)) > part.lcs:
                break
            low, prices = prices, prices.raised(chain.resources, part)
            chain = self.run(interval, prices)
        return None

    def _refined(
        self, interval: int, low: Prices, high: Prices, best: FoldingChain
    ) -> FoldingChain:
        """Return the folding at the lowest prices that do; ``low`` do not, or are ``high``."""
        for _ in range(_REFINEMENTS if self.part and low != high else 0):
            middle = low.halfway(high)
            chain = self.run(interval, middle)
            if self.part and self.part.excess(chain.resources):
                low = middle
            else:
                high = middle
                best = min(best, chain, key=lambda c: c.resources.lcs)
        return best

    def least(self, interval: int) -> Resources:
        """Return what the folding of fewest LUTs takes, whatever the part holds.

        Slices are those that are worth their usual price.
        """
        return self.run(interval, Prices(dsp=Prices.usual(self.part).dsp)).resources

    def run(self, interval: int, prices: Prices) -> FoldingChain:
        """Return the cheapest folding at these prices, by dynamic programming over the nodes.

        States are the lanes of the open edges.
        """
        states: dict[Lanes, FoldingChain] = {(): FoldingChain(0.0, Resources())}
        for node in self.graph.nodes:
            options = self._best_options(node.name, interval, prices)
            entries: dict[tuple[Lanes, int], FoldingChain] = {}
            for state, chain in states.items():
                rest = tuple(e for e in state if e[0] not in self._closes[node.name])
                lanes = dict(state)
                for lanes_in in options:
                    r = self._arrival(node, lanes, lanes_in)
                    _keep(entries, (rest, lanes_in), chain, chain.price + prices.of(r), r)
            states = self._leave(node, options, entries, prices)
        return min(states.values(), key=lambda f: f.price)

    def _leave(
        self,
        node: Operator,
        options: Options,
        entries: dict[tuple[Lanes, int], FoldingChain],
        prices: Prices,
    ) -> dict[Lanes, FoldingChain]:
        """Return the states after a node, for the edges that are then open."""
        open_edges = [e for e in node.outputs if e in self._read]
        states: dict[Lanes, FoldingChain] = {}
        for (rest, lanes_in), chain in entries.items():
            for option, own in options[lanes_in]:
                r = own + _fifos(node, option.lanes_out)
                price = chain.price + prices.of(r)
                state = (*rest, *((e, option.lanes_out) for e in open_edges))
                known = states.get(state)
                if known is None or price < known.price:
                    states[state] = FoldingChain(
                        price, chain.resources + r, chain, node.name, option
                    )
        if len(states) > STATES:
            kept = sorted(states.items(), key=lambda item: item[1].price)[:STATES]
            states = dict(kept)
        return states

    def _best_options(self, name: str, interval: int, prices: Prices) -> Options:
        """Return the cheapest option for each pair of input and output lanes, by input lanes."""
        choices = self.choices[name]
        best: dict[tuple[int, int], tuple[float, Option, Resources]] = {}
        for o in choices.within(interval):
            r = choices.resources(o)
            key, price = (o.lanes_in, o.lanes_out), prices.of(r)
            if key not in best or price < best[key][0]:
                best[key] = (price, o, r)
        out: Options = {}
        for (lanes_in, _), (_, o, r) in sorted(best.items(), key=lambda item: item[0]):
            out.setdefault(lanes_in, []).append((o, r))
        return out

    def _arrival(self, node: Operator, lanes: Mapping[str, int], lanes_in: int) -> Resources:
        """Return the converters in front of a node with their FIFOs; the input edge needs none."""
        total = Resources()
        for edge, operand in zip(node.inputs, node.operands, strict=True):
            fifo = fifo_resources(lanes_in * operand.type.bits, SLOTS)
            if edge == INPUT:
                total += fifo
            elif lanes[edge] != lanes_in:
                total += convert_resources(lanes[edge], lanes_in, operand.type) + fifo
        return total


def _keep(
    entries: dict[tuple[Lanes, int], FoldingChain],
    key: tuple[Lanes, int],
    chain: FoldingChain,
    price: float,
    r: Resources,
) -> None:
    known = entries.get(key)
    if known is None or price < known.price:
        entries[key] = FoldingChain(price, chain.resources + r, chain)


def _fifos(node: Operator, lanes: int) -> Resources:
    return sum((fifo_resources(lanes * t.type.bits, SLOTS) for t in node.results), Resources())
