"""The page of two builds: what changed from one to the other, in figures, layers and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from ..ir import Graph, Impl, Operator
from ..resources.energy import energies
from ..resources.estimate import Resources, network_resources
from .answers import Wrong
from .build_page import BuildPage
from .graph_drawing import draw
from .images import image_uri
from .page import TIMES, brief, count, percent, render

SHOWN = 24
"""Frames that are shown of those whose answer changed."""


@dataclass(frozen=True)
class Figure:
    """One figure of both builds; ``less``: whether less of it is better, None where neither is."""

    name: str
    before: float
    after: float
    shown: tuple[str, str]
    less: bool | None = True
    points: bool = False
    """Whether it is a share, whose change is told in points."""

    @property
    def change(self) -> str:
        """The change in percent or points, or in words."""
        if self.before == self.after:
            return "the same"
        if self.points:
            return f"{100 * (self.after - self.before):+.3g} points"
        if not self.before:
            return "new"
        return f"{100 * (self.after / self.before - 1):+.3g} %"

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, or nothing."""
        if self.before == self.after or self.less is None:
            return ""
        return "better" if (self.after < self.before) is self.less else "worse"


@dataclass(frozen=True)
class LayerFigures:
    """Figures of a layer of one build."""

    lcs: int
    cycles: int
    energy: float


@dataclass(frozen=True)
class LayerChange:
    """A layer of either build: its name in both, its state in a word, changes, and figures."""

    name: str
    was: str
    kind: str
    state: str
    changes: tuple[str, ...]
    before: LayerFigures | None
    after: LayerFigures | None


@dataclass(frozen=True)
class DiffPage:
    """The change from ``before`` to ``after``, under their ``names``."""

    before: BuildPage
    after: BuildPage
    names: tuple[str, str]

    def html(self) -> str:
        """Return the page."""
        return render(
            "diff.html.j2",
            page=self,
            figures=self.figures,
            layers=self.layers,
            most={k: max(getattr(f, k) for f in self._every) for k in ("lcs", "cycles", "energy")},
            sentences=self.sentences(),
            boards=self.boards,
            drawings=(draw(self.before.graph), draw(self.after.graph)),
            turned=self.turned,
        )

    @property
    def _every(self) -> list[LayerFigures]:
        return [f for layer in self.layers for f in (layer.before, layer.after) if f is not None]

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Figures of the whole networks."""
        pages = (self.before, self.after)
        totals = [sum(network_resources(p.graph).values(), Resources()) for p in pages]
        energy = [sum(e.total for e in energies(p.graph, p.switching).values()) for p in pages]
        figures = [
            _counted("cycles a frame", *(float(p.predicted.ii) for p in pages)),
            _figure("frames a second", brief, *(p.fps for p in pages)),
            _counted("latency, cycles", *(p.predicted.latency for p in pages)),
            _counted("LUTs", *(t.lcs for t in totals)),
            _counted("flip-flops", *(t.ff for t in totals)),
            _counted("RAMB18", *(t.bram18 for t in totals)),
            _counted("DSP slices", *(t.dsp for t in totals)),
            _counted("bits in FIFOs", *(sum(f.bits for f in p.fifos) for p in pages)),
            _counted("energy a frame, nJ (estimate)", *energy),
            _counted("weights", *map(_n_weights, pages), less=None),
        ]
        a, b = self.before.answers, self.after.answers
        if a is not None and b is not None:
            figure = _figure("accuracy", percent, a.accuracy, b.accuracy)
            figures.insert(0, replace(figure, points=True))
        return tuple(figures)

    @cached_property
    def layers(self) -> tuple[LayerChange, ...]:
        """The layers of both, in the order of ``after``; those that are gone follow."""
        pages = (self.before, self.after)
        old, new = ({n.name: n for n in p.graph.nodes} for p in pages)
        figures = [_layer_figures(p) for p in pages]
        paired = pairs(self.before.graph, self.after.graph)
        gone = set(old) - set(paired.values())
        all_layers = []
        for name, was in [
            *((n, paired.get(n)) for n in new),
            *((None, n) for n in old if n in gone),
        ]:
            a, b = old.get(was or ""), new.get(name or "")
            changes = () if a is None or b is None else tuple(_changes(a, b))
            state = "new" if a is None else "gone" if b is None else _state(changes)
            kind = (b or a).kind  # pyright: ignore[reportOptionalMemberAccess]
            before, after = figures[0].get(was or ""), figures[1].get(name or "")
            all_layers.append(
                LayerChange(name or was or "", was or "", kind, state, changes, before, after)
            )
        return tuple(all_layers)

    def sentences(self) -> list[str]:
        """Return the change in a few sentences."""
        states = [layer.state for layer in self.layers]
        parts = [f"{states.count(s)} {s}" for s in ("changed", "new", "gone", "the same")]
        said = [f"Layers: {', '.join(p for p in parts if p[0] != '0')}."]
        for verdict in ("better", "worse"):
            of = [f"{f.name} ({f.change})" for f in self.figures if f.verdict == verdict]
            if of:
                said.append(f"{verdict.capitalize()}: {', '.join(of)}.")
        if len(said) == 1:
            said.append("All figures are the same.")
        if self.before.digest == self.after.digest:
            said.append("Both builds are the same network with the same folding.")
        return said

    @property
    def boards(self) -> tuple[tuple[str, str, str, bool], ...]:
        """Each board with its fit in both builds, in words, and whether that changed."""
        old = {b.name: b for b in self.before.boards}
        rows = ((old[b.name], b) for b in self.after.boards if b.name in old)
        return tuple((b.name, a.words, b.words, a.fits != b.fits) for a, b in rows)

    @property
    def turned(self) -> tuple[tuple[str, int, tuple[Wrong, ...]], ...] | None:
        """Frames whose answer became wrong, and right: words, number, the first of them."""
        a, b = self.before.answers, self.after.answers
        if a is None or b is None:
            return None
        was, now = a.decided == a.labels, b.decided == b.labels
        kinds = []
        for words, of in (("became wrong", was & ~now), ("became right", ~was & now)):
            numbers = np.flatnonzero(of)
            shown = tuple(
                Wrong(k, int(a.decided[k]), int(b.decided[k]), image_uri(b.frames[k]))
                for k in numbers[:SHOWN].tolist()
            )
            kinds.append((words, len(numbers), shown))
        return tuple(kinds)


def _figure(name: str, form: Callable[[float], str], before: float, after: float) -> Figure:
    """Return a figure of which more is better, shown in a form."""
    return Figure(name, before, after, (form(before), form(after)), less=False)


def _counted(name: str, before: float, after: float, *, less: bool | None = True) -> Figure:
    return Figure(name, before, after, (count(before), count(after)), less)


def _n_weights(page: BuildPage) -> int:
    arrays = (getattr(n, "weights", None) for n in page.graph.nodes)
    return sum(w.size for w in arrays if w is not None)


def _layer_figures(page: BuildPage) -> dict[str, LayerFigures]:
    used, energy = network_resources(page.graph), energies(page.graph, page.switching)
    return {
        n.name: LayerFigures(used[n.name].lcs, n.interval, energy[n.name].total)
        for n in page.graph.nodes
    }


def pairs(before: Graph, after: Graph) -> dict[str, str]:
    """Return the old name of each layer that both builds have.

    It is the same one; or where no name was kept, that of the layer of its kind at the same place
    in the order.
    """
    old = [n.name for n in before.nodes]
    kept = {n.name: n.name for n in after.nodes if n.name in old}
    if kept:
        return kept
    places = {place: name for name, place in _places(before)}
    return {name: places[place] for name, place in _places(after) if place in places}


def _places(graph: Graph) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield each layer's name, and its kind with its number among those of the kind."""
    counts: dict[str, int] = {}
    for n in graph.nodes:
        counts[n.kind] = counts.get(n.kind, 0) + 1
        yield n.name, (n.kind, counts[n.kind])


def _state(changes: tuple[str, ...]) -> str:
    return "changed" if changes else "the same"


def _changes(a: Operator, b: Operator) -> Iterator[str]:
    """Yield what differs between two operators of one name."""
    if type(a) is not type(b):
        yield f"{a.kind} → {b.kind}"
        return
    for field in fields(Impl):
        old, new = getattr(a.folded, field.name), getattr(b.folded, field.name)
        if old != new:
            yield f"{field.name} {old} → {new}"
    for what, old, new in (("input", a.x, b.x), ("result", a.y, b.y)):
        if old != new:
            yield f"{what} {old} → {new}"
    own = {f.name for f in fields(Operator)}
    for field in fields(a):
        if field.name not in own:
            yield from _change(field.name, getattr(a, field.name), getattr(b, field.name))


def _change(name: str, old: object, new: object) -> Iterator[str]:
    """Yield how a parameter differs, if it does."""
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        if old.shape != new.shape:
            shapes = (f" {TIMES} ".join(map(str, v.shape)) for v in (old, new))
            yield f"{name} {' → '.join(shapes)}"
        elif n := int((old != new).sum()):
            yield f"{n:,} of {old.size:,} {name}"
    elif isinstance(old, tuple) and any(isinstance(v, np.ndarray) for v in old):
        if repr(old) != repr(new):
            yield name
    elif old != new:
        words = (str(old), str(new))
        yield f"{name} {' → '.join(words)}" if max(map(len, words)) < 40 else name
