"""Writes a design as Verilog: one module for each of Amaranth's fragments.

A signal is a port of a module if it is named both inside and outside of it; an output, if it is
driven inside.
"""

from __future__ import annotations

from collections.abc import Iterator

from amaranth.hdl import ClockDomain, Fragment, Instance, MemoryInstance, Signal, Value
from amaranth.lib.wiring import Component, In
from bitrill.errors import SpecError

from .bits import text
from .identifiers import identifier
from .instances import placed, write_instance, write_memory
from .scope import Scope

Ports = dict[int, tuple[Signal, str]]
"""Ports of a module: each signal, by `id`, and ``input`` or ``output``."""


def verilog(top: Component, *, name: str, platform: object) -> str:
    """Verilog of a component, module ``name``; its ports are those of its signature.

    The clock and reset of a domain that the component does not define become ports, too. Raises
    `SpecError` for constructs that have no Verilog, and Amaranth's ``DriverConflict`` for a signal
    that is driven twice.
    """
    fragment = Fragment.get(top, platform)
    named = [*_signature(top)]
    for domain in fragment._propagate_domains(lambda name: ClockDomain(name)):
        named += [(s.name, s, "input") for s in (domain.clk, domain.rst) if s is not None]
    scope = Scope(fragment, (name,))
    for port, signal, _ in named:
        scope.give(signal, scope.names.new(port))
    _fill(scope)
    ports = {id(signal): (signal, direction) for _, signal, direction in named}
    return "\n".join(_modules(scope, ports, scope.uses))


def _signature(top: Component) -> Iterator[tuple[str, Signal, str]]:
    """The ports of a component: name, signal, direction."""
    for path, member, value in top.signature.flatten(top):
        signal = Value.cast(value)
        if isinstance(signal, Signal):
            yield "__".join(map(str, path)), signal, "input" if member.flow == In else "output"


def _fill(scope: Scope) -> None:
    """Add a fragment's statements, instances, memories and inner modules to its module."""
    fragment = scope.fragment
    names = [
        scope.names.new(name or f"unnamed{k}")
        for k, (_, name, _) in enumerate(fragment.subfragments)
    ]
    for domain, statements in fragment.statements.items():
        scope.add_statements(domain, statements)
    for name, (inner, _, _) in zip(names, fragment.subfragments, strict=True):
        if isinstance(inner, Instance):
            write_instance(scope, inner, name)
        elif isinstance(inner, MemoryInstance):
            write_memory(scope, inner, name)
        elif type(inner) is Fragment:
            child = Scope(inner, (*scope.path, name))
            _fill(child)
            if child.lines or child.children:
                scope.add_child(name, child)
        else:
            raise SpecError(f"{'.'.join(scope.path)} must not hold an {type(inner).__name__}")
    scope.count()


def _modules(scope: Scope, ports: Ports, uses: dict[int, tuple[Signal, int]]) -> Iterator[str]:
    """The text of a module and of those inside; ``uses``: `Scope.uses` of the whole design."""
    inner = {name: _ports(child, uses) for name, child in scope.children.items()}
    for name, child in scope.children.items():
        pins = [
            f".{text(child.read(signal))}({text(scope.read(signal))})"
            for signal, _ in inner[name].values()
        ]
        scope.lines += placed(_title(child), "", name, pins)
    inputs = {key for key, (_, direction) in ports.items() if direction == "input"}
    lines = [
        *scope.declarations({key: direction for key, (_, direction) in ports.items()}),
        *scope.lines,
        *scope.undriven(inputs),
    ]
    names = ", ".join(text(scope.read(signal)) for signal, _ in ports.values() if len(signal))
    yield "\n".join([f"module {_title(scope)}({names});", *(f"  {line}" for line in lines)])
    yield "endmodule\n"
    for name, child in scope.children.items():
        yield from _modules(child, inner[name], uses)


def _ports(scope: Scope, uses: dict[int, tuple[Signal, int]]) -> Ports:
    """The ports of a module: its signals that are also named outside of it."""
    return {
        key: (signal, "output" if key in scope.driven else "input")
        for key, (signal, n) in scope.uses.items()
        if n < uses[key][1] and len(signal)
    }


def _title(scope: Scope) -> str:
    return identifier(".".join(scope.path))
