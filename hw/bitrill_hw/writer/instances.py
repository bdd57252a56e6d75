"""Writes instances of modules from other sources, and memories, as Verilog."""

from __future__ import annotations

from amaranth.hdl import Instance, MemoryInstance, Shape, Value
from bitrill.errors import SpecError

from .bits import constant, cut, size, text
from .identifiers import identifier
from .scope import Scope, parameter


def write_instance(scope: Scope, instance: Instance, name: str) -> None:
    """Add an instance of a module from another source."""
    pins: list[str] = []
    for port, (value, direction) in instance.ports.items():
        if not isinstance(value, Value) or direction == "io":
            raise SpecError(f"pin {port} of {instance.type} must be a value, not {value!r}")
        bits = scope.values.bits(value) if direction == "i" else scope.output(value)
        pins.append(f".{identifier(port)}({text(bits) if bits else ''})")
    scope.lines += [f"(* {key} = {parameter(value)} *)" for key, value in instance.attrs.items()]
    values = ", ".join(f".{identifier(k)}({parameter(v)})" for k, v in instance.parameters.items())
    scope.lines += placed(identifier(instance.type), f"#({values}) " if values else "", name, pins)


def placed(kind: str, parameters: str, name: str, pins: list[str]) -> list[str]:
    """The lines of an instance of module ``kind``."""
    return [
        f"{kind} {parameters}{identifier(name)} (",
        *(f"  {pin}{',' if k < len(pins) - 1 else ''}" for k, pin in enumerate(pins)),
        ");",
    ]


def write_memory(scope: Scope, memory: MemoryInstance, name: str) -> None:
    """Add a memory with its ports; a read at the same time as a write returns the old word."""
    data = memory._data
    width, words, name = Shape.cast(data.shape).width, list(data.init._raw), identifier(name)
    scope.lines += [f"(* {key} = {parameter(value)} *)" for key, value in memory._attrs.items()]
    scope.lines.append(f"reg [{width - 1}:0] {name} [{data.depth - 1}:0];")
    inits = (f"  {name}[{k}] = {text(constant(word, width))};" for k, word in enumerate(words))
    scope.lines += ["initial begin", *inits, "end"]
    for port in memory._write_ports:
        _write_port(scope, name, port)
    for port in memory._read_ports:
        _read_port(scope, name, port)


def _write_port(scope: Scope, name: str, port: MemoryInstance._WritePort) -> None:
    data, enable = scope.values.bits(port._data), scope.values.bits(port._en)
    word, grain = f"{name}[{text(scope.values.bits(port._addr))}]", port._granularity
    lines: list[str] = []
    for k in range(size(enable)):
        part = f"[{grain * (k + 1) - 1}:{grain * k}]" if size(enable) > 1 else ""
        value = text(cut(data, grain * k, grain * (k + 1)))
        lines.append(f"  if ({text(cut(enable, k, k + 1))}) {word}{part} <= {value};")
    scope.lines += [f"always @({scope.edge(port._domain)}) begin", *lines, "end"]


def _read_port(scope: Scope, name: str, port: MemoryInstance._ReadPort) -> None:
    if port._transparent_for:
        raise SpecError("a memory must be read as it was before a write at the same time")
    word = f"{name}[{text(scope.values.bits(port._addr))}]"
    if port._domain == "comb":
        scope.lines.append(f"assign {text(scope.output(port._data))} = {word};")
        return
    held = text(scope.variable(len(port._data)))
    enable = text(scope.values.bits(port._en))
    scope.lines.append(f"always @({scope.edge(port._domain)}) if ({enable}) {held} <= {word};")
    scope.lines.append(f"assign {text(scope.output(port._data))} = {held};")
