"""A Verilog module while it is being written: its names, nets and lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from amaranth.hdl import C, Const, DriverConflict, Fragment, Signal, Value
from amaranth.hdl._ast import ClockSignal, ResetSignal, Statement
from bitrill.errors import SpecError

from .bits import Bits, Piece, constant, cut, net, text
from .expressions import Expressions, Patterns
from .identifiers import ModuleNames, identifier
from .statements import DrivenSignal, Statements, switch


class Scope:
    """The Verilog module of one of Amaranth's fragments.

    ``signals``: the signals that the module names, by `id`. ``uses``: for each signal, the number
    of modules that name it, among this one and all inside it; ``driven``: the signals that are
    driven in one of these. ``children``: the modules inside, by name.
    """

    def __init__(self, fragment: Fragment, path: tuple[str, ...]):
        self.fragment, self.path = fragment, path
        self.names = ModuleNames()
        self.signals: dict[int, Signal] = {}
        self.uses: dict[int, tuple[Signal, int]] = {}
        self.driven: set[int] = set()
        self.children: dict[str, Scope] = {}
        self.lines: list[str] = []
        self._read: dict[int, Bits] = {}
        self._masks: dict[int, int] = {}
        self._registers: dict[int, bool] = {}
        self._wires = 0
        self._wake = ""
        self.values = Expressions(
            read=self.read, lowered=self._lowered, wire=self.wire, choose=self._choose
        )
        self._comb = Statements(self.values, self._place, "=")
        self._sync = Statements(self.values, self._place, "<=")

    def read(self, signal: Signal) -> Bits:
        """The bits of a signal."""
        bits = self._read.get(id(signal))
        if bits is None:
            bits = self.give(signal, self.names.new(signal.name) if signal.name else self._new())
        return bits

    def give(self, signal: Signal, name: str) -> Bits:
        """Give a signal its name in this module; returns its bits."""
        bits = self._read[id(signal)] = net(identifier(name), len(signal))
        self.signals[id(signal)] = signal
        return bits

    def _new(self) -> str:
        self._wires += 1
        return self.names.new(f"_{self._wires}")

    def wire(self, width: int, expression: str) -> Bits:
        """The bits of a new wire that an expression drives."""
        name = self._new()
        self.lines.append(f"wire {span(width)}{name} = {expression};")
        return net(name, width)

    def variable(self, width: int) -> Bits:
        """The bits of a new variable that a block assigns."""
        name = self._new()
        self.lines.append(f"reg {span(width)}{name};")
        return net(name, width)

    def _choose(self, width: int, test: Bits, cases: Sequence[tuple[Patterns, Bits]]) -> Bits:
        bits = self.variable(width)
        place = text(bits)
        lines = [(patterns, [f"{place} = {text(case)};"]) for patterns, case in cases]
        self._at_once([f"{place} = {text(constant(0, width))};", *switch(test, lines)])
        return bits

    def _lowered(self, value: ClockSignal | ResetSignal) -> Value:
        """The clock or reset signal of the domain that ``value`` names."""
        domain = self.fragment.domains[value.domain]
        if isinstance(value, ClockSignal):
            return domain.clk
        if domain.rst is None and not value.allow_reset_less:
            raise SpecError(f"the clock domain {value.domain} must have a reset where one is read")
        return C(0, 1) if domain.rst is None else domain.rst

    def _place(self, signal: Signal, start: int, stop: int) -> str:
        """A signal's bits from ``start`` to ``stop``, as the target of an assignment."""
        return text(cut(self.read(signal), start, stop))

    def _at_once(self, lines: list[str]) -> None:
        """Add a combinational block.

        It also reads ``wake``, which gets its value at time 0: so the block runs once even if no
        other signal that it reads ever changes.
        """
        self._wake = self._wake or self.names.new("wake")
        head = ["always @* begin", f"  if ({self._wake}) begin end"]
        self.lines += [*head, *(f"  {line}" for line in lines), "end"]

    def drive(self, signal: Signal, mask: int) -> None:
        """Note that bits of a signal are driven; raises `DriverConflict` if they already are."""
        if self._masks.get(id(signal), 0) & mask:
            raise DriverConflict(f"signal {signal.name!r} has several drivers")
        self._masks[id(signal)] = self._masks.get(id(signal), 0) | mask
        self.driven.add(id(signal))

    def add_child(self, name: str, child: Scope) -> None:
        """Add a module inside."""
        self.children[name] = child
        for key in child.driven & self.driven:
            raise DriverConflict(f"signal {child.uses[key][0].name!r} has several drivers")
        self.driven |= child.driven

    def count(self) -> None:
        """Count the modules that name each signal; called when all lines are added."""
        self.uses = {key: (signal, 1) for key, signal in self.signals.items()}
        for child in self.children.values():
            for key, (signal, n) in child.uses.items():
                self.uses[key] = signal, n + (self.uses[key][1] if key in self.uses else 0)

    def _register(self, signal: Signal, *, initial: bool) -> None:
        """Declare a signal as a variable; ``initial``: whether it has a value from the start."""
        self.drive(signal, (1 << len(signal)) - 1)
        self._registers[id(signal)] = initial

    def _assign(self, driven: DrivenSignal) -> None:
        """Write a signal's combinational assignments, as ``assign`` lines or as a block."""
        stores = driven.straight
        if stores is not None:
            for store in stores:
                place = self._place(store.signal, store.start, store.stop)
                self.lines.append(f"assign {place} = {text(store.bits)};")
            self.drive(driven.signal, driven.mask)
            return
        self._register(driven.signal, initial=False)
        default = f"{self._whole(driven.signal)} = {initial(driven.signal)};"
        self._at_once([default, *self._comb.lines(driven)])

    def _whole(self, signal: Signal) -> str:
        return self._place(signal, 0, len(signal))

    def add_statements(self, domain: str, statements: Iterable[Statement]) -> None:
        """Add a fragment's statements of one clock domain, or of the domain ``comb``."""
        if domain == "comb":
            for driven in self._comb.block(statements).values():
                self._assign(driven)
            return
        given = self.fragment.domains[domain]
        if given.rst is not None and given.async_reset:
            raise SpecError(f"the clock domain {domain} must not have an asynchronous reset")
        edge = self.edge(domain)
        for driven in self._sync.block(statements).values():
            signal = driven.signal
            self._register(signal, initial=True)
            lines = self._sync.lines(driven)
            if given.rst is not None and not signal.reset_less:
                head = f"if ({text(self.read(given.rst))}) begin"
                lines += [head, f"  {self._whole(signal)} <= {initial(signal)};", "end"]
            self.lines += [f"always @({edge}) begin", *(f"  {line}" for line in lines), "end"]

    def edge(self, domain: str) -> str:
        """The edge at which the registers of a domain load."""
        given = self.fragment.domains[domain]
        return f"{given.clk_edge}edge {text(self.read(given.clk))}"

    def output(self, place: Value) -> Bits:
        """The bits that a cell's output drives: ``place``, or a new wire that is assigned to it."""
        if isinstance(place, Signal):
            self.drive(place, (1 << len(place)) - 1)
            return self.read(place)
        name = self._new()
        self.lines.append(f"wire {span(len(place))}{name};")
        bits = net(name, len(place))
        for driven in self._comb.assigned(place, bits).values():
            self._assign(driven)
        return bits

    def declarations(self, ports: dict[int, str]) -> list[str]:
        """The lines that declare ports, signals and ``wake``, which starts combinational blocks."""
        out: list[str] = []
        for key, signal in self.signals.items():
            if not len(signal):
                continue
            kind = ports.get(key, "")
            value = ""
            if key in self._registers:
                kind = f"{kind} reg".strip()
                value = f" = {initial(signal)}" if self._registers[key] else ""
            attributes = "".join(f"(* {k} = {parameter(v)} *) " for k, v in signal.attrs.items())
            name = self._whole(signal)
            out.append(f"{attributes}{kind or 'wire'} {span(len(signal))}{name}{value};")
        return [*out, *([f"reg {self._wake};", f"initial {self._wake} = 0;"] if self._wake else [])]

    def undriven(self, inputs: set[int]) -> list[str]:
        """The lines that assign the initial value to bits that have no driver."""
        out: list[str] = []
        for key, signal in self.signals.items():
            missing = (1 << len(signal)) - 1
            if key in self.driven:
                missing &= ~self._masks.get(key, missing)
            if key in inputs or not missing:
                continue
            start = 0
            while missing >> start:
                if missing >> start & 1:
                    stop = start + 1
                    while missing >> stop & 1:
                        stop += 1
                    value = constant(signal.init >> start, stop - start)
                    out.append(f"assign {self._place(signal, start, stop)} = {text(value)};")
                    start = stop
                else:
                    start += 1
        return out


def span(width: int) -> str:
    """The range of a declaration; a single bit has none."""
    return f"[{width - 1}:0] " if width > 1 else ""


def initial(signal: Signal) -> str:
    """The initial value of a signal, which is also the value that a reset sets."""
    return text(constant(signal.init, len(signal)))


def parameter(value: str | float | Const) -> str:
    """The Verilog of the value of a parameter or an attribute."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        width = max(32, value.bit_length())
        return f"{width}'d{value}" if value >= 0 else f"-{width}'sd{-value}"
    return str(Piece("", value.value & (1 << len(value)) - 1, len(value)))
