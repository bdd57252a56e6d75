"""Faults planted in elaborated hardware, each named by what then goes wrong.

`sites` lists the places of a component's netlist (Amaranth's fragments, after ``elaborate``) where
a behaviour of `BEHAVIOURS` can be broken; `Faulty` is the component with one of them broken. No
source text is looked at, so the sources may be rewritten in any way.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from amaranth.hdl import Const, Elaboratable, Fragment, MemoryData, MemoryInstance, Value
from amaranth.hdl._ast import Assign, Concat, Operator, Slice, Statement, Switch, SwitchValue
from amaranth.hdl._xfrm import FragmentTransformer, StatementTransformer, ValueTransformer
from bitrill.ir import Operator as Node
from ops.suite import check, suite_of

Breaker = Callable[..., Any]
"""Gives the broken form of a value, statement or table; None if the fault does not apply to it."""


def _operator(old: str, new: str) -> Breaker:
    return lambda v: Operator(new, v.operands) if _is(v, old) else None


def _is(value: Any, *operators: str) -> bool:
    return isinstance(value, Operator) and value.operator in operators and len(value) > 0


def _sum(v: Any) -> Any:
    return Operator("+", [v, Const(1)]) if _is(v, "+", "-") and len(v.operands) == 2 else None


def _parity(v: Any) -> Any:
    return Operator("~", [v]) if _is(v, "^") else None


def _inversion(v: Any) -> Any:
    return v.operands[0] if _is(v, "~") and len(v.operands[0]) == len(v) else None


def _choice(v: Any) -> Any:
    if not isinstance(v, SwitchValue) or len(v.cases) != 2:
        return None
    (p0, a), (p1, b) = v.cases
    return SwitchValue(v.test, [(p0, b), (p1, a)])


def _order(v: Any) -> Any:
    if not isinstance(v, Concat) or len({repr(p) for p in v.parts}) < 2:
        return None
    return Concat([*v.parts[1:], v.parts[0]])


def _comparison(v: Any) -> Any:
    swapped = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
    return Operator(swapped[v.operator], v.operands) if _is(v, *swapped) else None


def _constant(v: Any) -> Any:
    """Increase a constant in a sum, difference or comparison by one."""
    if not _is(v, "+", "-", "==", "!=", "<", ">=", "<=", ">") or len(v.operands) != 2:
        return None
    a, b = v.operands
    if isinstance(b, Const):
        return Operator(v.operator, [a, Const(b.value + 1)])
    return Operator(v.operator, [Const(a.value + 1), b]) if isinstance(a, Const) else None


def _sign(v: Any) -> Any:
    if not _is(v, "s"):
        return None
    return Operator("u", v.operands)


def _bit(v: Any) -> Any:
    """Read the neighbouring bits of the same value."""
    if not isinstance(v, Slice):
        return None
    if v.stop < len(v.value):
        return Slice(v.value, v.start + 1, v.stop + 1)
    return Slice(v.value, v.start - 1, v.stop - 1) if v.start > 0 else None


def _load(s: Any) -> Any:
    return [] if isinstance(s, Assign) else None


def _condition(s: Any) -> Any:
    """Always take the first branch."""
    if not isinstance(s, Switch) or not s.cases or s.cases[0][0] is None:
        return None
    return s.cases[0][1]


def _branch(s: Any) -> Any:
    """Never take the first branch."""
    if not isinstance(s, Switch) or not s.cases:
        return None
    patterns, _, loc = s.cases[0]
    return Switch(s.test, [(patterns, [], loc), *s.cases[1:]])


def _table(words: list[int], width: int) -> list[int] | None:
    return [words[0] ^ 1, *words[1:]] if words and width else None


BEHAVIOURS: dict[str, tuple[str, Breaker]] = {
    "an and lets everything pass": ("value", _operator("&", "|")),
    "an or wants both": ("value", _operator("|", "&")),
    "a parity is turned round": ("value", _parity),
    "a sum is one too many": ("value", _sum),
    "an equality is an inequality": ("value", _operator("==", "!=")),
    "an inversion is lost": ("value", _inversion),
    "a choice takes the other side": ("value", _choice),
    "bits are in the wrong order": ("value", _order),
    "a comparison is off by one": ("value", _comparison),
    "a constant is off by one": ("value", _constant),
    "a sign is lost": ("value", _sign),
    "the neighbouring bits are read": ("value", _bit),
    "a signal is never driven, or a register never loads": ("statement", _load),
    "a condition always holds": ("statement", _condition),
    "a condition never holds": ("statement", _branch),
    "a stored constant has a wrong bit": ("table", _table),
}
"""Faults by what goes wrong: the kind of thing that is broken, and how."""


@dataclass(frozen=True)
class Site:
    """The ``index``-th place of a component, or of its submodule ``inside``, that can be broken."""

    behaviour: str
    index: int
    inside: str = ""


def _fitted(broken: Value, value: Value) -> Value:
    """``broken`` with the width of ``value``, and its signedness if the width has to change."""
    if len(broken) == len(value):
        return broken
    wide = Concat([broken, Const(0, len(value))])
    cut = Slice(wide, 0, len(value))
    return Operator("s", [cut]) if value.shape().signed else cut


class _Break(FragmentTransformer, ValueTransformer, StatementTransformer):
    """Counts the places of some behaviours, and breaks the one at ``index``.

    ``inside``: the name of the submodule that is looked at, at any depth; empty for all of it.
    """

    def __init__(self, behaviours: Iterable[str], index: int, inside: str = "") -> None:
        self.breakers: dict[str, list[tuple[str, Breaker]]] = defaultdict(list)
        for behaviour in behaviours:
            kind, breaker = BEHAVIOURS[behaviour]
            self.breakers[kind].append((behaviour, breaker))
        self.index, self.counts = index, Counter[str]()
        self.inside, self.entered = inside, not inside

    def _broken(self, kind: str, *place: Any) -> Any:
        """Count a place for each broken form that it has; return the one to put there, if any."""
        if not self.entered:
            return None
        for behaviour, breaker in self.breakers[kind]:
            broken = breaker(*place)
            if broken is not None:
                self.counts[behaviour] += 1
                if self.counts[behaviour] - 1 == self.index:
                    return broken
        return None

    def on_value(self, value: Value) -> Value:
        broken = self._broken("value", value)
        return _fitted(super().on_value(value) if broken is None else broken, value)

    def on_statement(self, stmt: Statement) -> Any:
        broken = self._broken("statement", stmt)
        return super().on_statement(stmt) if broken is None else broken

    def on_Assign(self, stmt: Assign) -> Assign:  # noqa: N802
        return Assign(stmt.lhs, self.on_value(stmt.rhs))

    def map_statements(self, fragment: Fragment, new_fragment: Fragment) -> None:
        for domain, statements in fragment.statements.items():
            new_fragment.add_statements(domain, self.on_statements(statements))

    def map_memory_ports(self, fragment: Any, new_fragment: Any) -> None:
        """Leave the ports: their data are assigned to, which no fault may touch."""
        for port in new_fragment._read_ports:
            port._en, port._addr = self.on_value(port._en), self.on_value(port._addr)
        for port in new_fragment._write_ports:
            port._en, port._addr = self.on_value(port._en), self.on_value(port._addr)
            port._data = self.on_value(port._data)

    def map_ports(self, fragment: Any, new_fragment: Any) -> None:
        new_fragment.ports = fragment.ports

    def map_subfragments(self, fragment: Fragment, new_fragment: Fragment) -> None:
        for part, name, location in fragment.subfragments:
            outside = self.entered
            self.entered = outside or name == self.inside
            new_fragment.add_subfragment(self(part), name, src_loc=location)
            self.entered = outside

    def on_fragment(self, fragment: Fragment) -> Fragment:
        new = super().on_fragment(fragment)
        written = isinstance(new, MemoryInstance) and new._write_ports
        if isinstance(new, MemoryInstance) and not written:
            data = new._data
            words = self._broken("table", list(data.init._raw), data.init._shape.width)
            if words is not None:
                new._data = MemoryData(shape=data.shape, depth=data.depth, init=words)
        return new


def sites(core: Any, inside: str = "") -> Iterator[Site]:
    """All places of a component, or of one of its submodules, that can be broken."""
    change = _Break(BEHAVIOURS, -1, inside)
    change.on_fragment(Fragment.get(core, None))
    for behaviour in BEHAVIOURS:
        yield from (Site(behaviour, k, inside) for k in range(change.counts[behaviour]))


def drawn(places: Iterable[Site], rng: Random) -> Site:
    """Draw a place; each behaviour that occurs is equally likely."""
    listed = list(places)
    behaviour = rng.choice(sorted({p.behaviour for p in listed}))
    return rng.choice([p for p in listed if p.behaviour == behaviour])


class Faulty(Elaboratable):
    """A component with one behaviour broken; its ports are those of the component."""

    def __init__(self, core: Any, site: Site) -> None:
        self._core, self._site = core, site

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def elaborate(self, platform: object) -> Fragment:
        change = _Break([self._site.behaviour], self._site.index, self._site.inside)
        return change.on_fragment(Fragment.get(self._core, None))


def is_found(op: Node, core: object) -> bool:
    """Whether the check fails, under some stall, if ``core`` replaces the hardware of ``op``."""
    frames = suite_of(op.kind)().frames(op)
    try:
        for stall in ("blocked", "random", "free", "starved", "bursty"):
            check(op, core, frames, stall)
    except AssertionError:
        return True
    return False
