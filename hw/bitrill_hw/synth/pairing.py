"""LUT pairing: how many small LUTs can share a physical one, by an exact maximum matching.

A LUT6 of xc7 has two outputs and serves two functions if their inputs together are at most five
(Xilinx UG474, "Look-Up Table"). LUTs are the vertices of a graph, such pairs its edges, and the
most LUTs are saved by a maximum matching: Edmonds' blossom algorithm (Paths, Trees, and Flowers,
1965), one forest grown from all single vertices at a time.

The graph is dense (any LUT2 goes with any LUT3), so it is never written down. LUTs of i and j
inputs go together exactly if they share a set of ``max(0, i + j - 5)`` inputs: vertices are
entered under every subset of their inputs, and the neighbours of a vertex are at most 31 such
entries. A search empties an entry as it meets its vertices, so a forest costs time linear in
the number of LUTs, times those subsets.
"""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

MAX_INPUTS = 5
"""Inputs that two functions in one physical LUT may have together."""

Key: TypeAlias = tuple[int, int, tuple[int, ...]]
"""Kind, number of inputs and a subset of the inputs: stands for all vertices that have these."""

Kinds: TypeAlias = Mapping[int, Sequence[int]]
"""The kinds that each kind may share with; symmetric."""

ALIKE: Kinds = {0: (0,)}

_NEW, _EVEN, _ODD = range(3)


def max_pairs(
    luts: Sequence[Iterable[Hashable]], kinds: Sequence[int] | None = None, may: Kinds = ALIKE
) -> int:
    """Return the largest number of disjoint pairs of ``luts`` that may share; see `match`."""
    return sum(m >= 0 for m in match(luts, kinds, may)) // 2


def match(
    luts: Sequence[Iterable[Hashable]], kinds: Sequence[int] | None = None, may: Kinds = ALIKE
) -> list[int]:
    """Return the partner of each LUT, -1 for none, in a maximum matching; it is deterministic.

    ``luts``: the nets at the inputs of each; one with more than `MAX_INPUTS` has no partner.
    ``kinds``: the kind of each; ``may`` gives the kinds that may share.
    """
    numbers: dict[Hashable, int] = {}
    inputs = [tuple(sorted({numbers.setdefault(n, len(numbers)) for n in lut})) for lut in luts]
    graph = _Graph(inputs, [0] * len(inputs) if kinds is None else kinds, may)
    mate = graph.greedy()
    while _Forest(graph, mate).augment():
        pass
    return mate


class _Graph:
    """The graph: ``keys[v]`` lead to v's neighbours, which are in ``entries``."""

    def __init__(self, inputs: list[tuple[int, ...]], kinds: Sequence[int], may: Kinds):
        self.inputs = inputs
        self.entries: dict[Key, list[int]] = defaultdict(list)
        self.own: list[list[Key]] = []
        for v, nets in enumerate(inputs):
            size = len(nets)
            own = [(kinds[v], size, s) for k in range(size + 1) for s in combinations(nets, k)]
            self.own.append(own if size <= MAX_INPUTS else [])
            for key in self.own[v]:
                self.entries[key].append(v)
        self.keys = [self._keys(n, may[k]) for n, k in zip(inputs, kinds, strict=True)]

    def _keys(self, nets: tuple[int, ...], kinds: Sequence[int]) -> list[Key]:
        size = len(nets)
        if size > MAX_INPUTS:
            return []
        keys = [
            (kind, other, shared)
            for other in range(MAX_INPUTS, -1, -1)
            for kind in kinds
            for shared in combinations(nets, max(0, size + other - MAX_INPUTS))
        ]
        return [key for key in keys if key in self.entries]

    def greedy(self) -> list[int]:
        """Return a first matching: large LUTs first, each with its largest possible partner."""
        mate = [-1] * len(self.inputs)
        free = {key: list(reversed(entry)) for key, entry in self.entries.items()}
        for v in sorted(range(len(mate)), key=lambda v: -len(self.inputs[v])):
            if mate[v] >= 0:
                continue
            for key in self.keys[v]:
                entry = free[key]
                while entry and (mate[entry[-1]] >= 0 or entry[-1] == v):
                    entry.pop()
                if entry:
                    mate[v], mate[entry[-1]] = entry[-1], v
                    break
        return mate


class _Forest:
    """Alternating trees from every vertex without a partner, grown until no tree can grow.

    Even vertices are reached from a root by an even number of edges. An edge between even
    vertices of two trees ends an augmenting path, and both trees are dead; within one tree it
    closes a blossom, whose vertices become even and share a base (`base`, a union-find).
    Where nothing was augmented the forest is Hungarian, and the matching is maximum.
    """

    def __init__(self, graph: _Graph, mate: list[int]):
        n = len(mate)
        self.graph, self.mate = graph, mate
        self.label = [_NEW] * n
        self.via = [-1] * n  # the even vertex from which an alternating path goes on
        self.group = list(range(n))
        self.root = [-1] * n
        self.alive = [True] * n
        self.fresh: dict[Key, list[int]] = {}
        self.even: dict[Key, list[int]] = defaultdict(list)
        self.queue: deque[int] = deque()
        self.augmented = False

    def augment(self) -> bool:
        """Improve the matching in place; return whether it was improved."""
        for v, m in enumerate(self.mate):
            if m < 0 and self.graph.keys[v]:
                self._make_even(v, v)
        while self.queue:
            u = self.queue.popleft()
            if self.alive[self.root[u]]:
                self._scan(u)
        return self.augmented

    def base(self, v: int) -> int:
        group = self.group
        while group[v] != v:
            group[v] = group[group[v]]
            v = group[v]
        return v

    def _make_even(self, v: int, root: int) -> None:
        self.label[v], self.root[v] = _EVEN, root
        self.queue.append(v)
        for key in self.graph.own[v]:
            self.even[key].append(v)

    def _scan(self, u: int) -> None:
        for key in self.graph.keys[u]:
            kept: list[int] = []
            for v in self.even[key]:
                if not self.alive[self.root[v]]:
                    continue
                kept = [v]
                if v == u:
                    continue
                if self.root[v] != self.root[u]:
                    self._flip(u, v)
                    self._flip(v, u)
                    self.alive[self.root[u]] = self.alive[self.root[v]] = False
                    self.augmented = True
                    return
                if self.base(u) != self.base(v):
                    base = self._ancestor(u, v)
                    self._contract(u, base, v)
                    self._contract(v, base, u)
            # all even vertices of this entry are in u's blossom now: keep one for all
            self.even[key] = kept
            fresh = self.fresh.get(key)
            if fresh is None:
                fresh = self.fresh[key] = list(self.graph.entries[key])
            while fresh:
                v = fresh.pop()
                if self.label[v] == _NEW:
                    self.label[v], self.via[v], self.root[v] = _ODD, u, self.root[u]
                    self._make_even(self.mate[v], self.root[u])

    def _ancestor(self, u: int, v: int) -> int:
        """Return the base at which the paths of two even vertices to their root meet."""
        seen: set[int] = set()
        while True:
            if u >= 0:
                u = self.base(u)
                if u in seen:
                    return u
                seen.add(u)
                u = -1 if self.mate[u] < 0 else self.via[self.mate[u]]
            u, v = v, u

    def _contract(self, v: int, base: int, other: int) -> None:
        """Move the path from ``v`` to ``base`` into the blossom closed by the edge v-other."""
        while self.base(v) != base:
            self.via[v] = other
            other = self.mate[v]
            if self.label[other] == _ODD:
                self._make_even(other, self.root[v])
            for w in (v, other):
                if self.group[w] == w:
                    self.group[w] = base
            v = self.via[other]

    def _flip(self, u: int, partner: int) -> None:
        """Match ``u`` with ``partner``, and alternate along the path from ``u`` to its root."""
        while True:
            former = self.mate[u]
            self.mate[u] = partner
            if former < 0:
                return
            u, partner = self.via[former], former
            self.mate[partner] = u
