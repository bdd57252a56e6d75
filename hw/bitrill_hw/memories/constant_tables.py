"""Builds tables of constants that are read into a pipeline stage, in logic or block memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from amaranth import *
from bitrill.parts.memories import place, spilled

from ..pipeline.elastic import Elastic
from .roms import Words

BLOCK = "block"


def words(bits: np.ndarray) -> list[int]:
    """The rows of ``bits [n, width]`` (0 or 1, low bit first) as ``n`` integers."""
    packed = np.packbits(bits.astype(np.uint8), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def table(
    m: Module, pipe: Elastic, stage: int, name: str, bits: np.ndarray, address: Value, style: str
) -> Value:
    """Word ``address`` of ``bits [n, width]``, registered in stage ``stage``.

    It is a submodule ``name`` in memory of ``style``, or a constant if there is one word. Bits that
    are the same in all words are left to `rom_text`, so that no other logic depends on them.
    """
    width = bits.shape[1]
    if len(bits) == 1:
        return C(words(bits[:1])[0], width)
    attrs = {"ram_style": style}
    if style != BLOCK:
        # Yosys has no distributed RAM without a write port, and stops if `ram_style` asks for it;
        # `rom_block` has precedence there, and makes it logic. Vivado reads only `ram_style`.
        attrs["rom_block"] = "logic"
    return _read(m, pipe, stage, name, bits, address, attrs)


def filled(
    m: Module, pipe: Elastic, stage: int, name: str, bits: np.ndarray, address: Value
) -> Value:
    """Word ``address`` of a table in block memory, registered like that of `table`.

    Bits that would hardly fill another block memory are in logic instead
    (`bitrill.parts.memories.spilled`).
    """
    depth, width = bits.shape
    kept = width - spilled(depth, width)
    word = table(m, pipe, stage, name, bits[:, :kept], address, "block")
    if kept == width:
        return word
    rest = table(m, pipe, stage, f"{name}_rest", bits[:, kept:], address, "distributed")
    return Cat(word, rest)


def tables(
    m: Module,
    pipe: Elastic,
    stage: int,
    name: str,
    bits: Sequence[np.ndarray],
    addresses: Sequence[Value],
    style: str,
) -> list[Value]:
    """A word of each of several tables of one size, registered like that of `table`.

    With ``style`` ``"block"``, `bitrill.parts.memories.place` decides in which memories; two tables
    may share one.
    """
    depth, width = bits[0].shape
    same = all(b is bits[0] for b in bits)
    where = place(depth, width, len(bits), same=same) if style == BLOCK else style
    out: list[Value] = []
    for k in range(0, len(bits) - 1 if where == "shared" else 0, 2):
        two = slice(k, k + 2)
        out += _shared(m, pipe, stage, f"{name}_{k}", bits[two], addresses[two])
    where = BLOCK if where == "shared" else where
    for k in range(len(out), len(bits)):
        out.append(table(m, pipe, stage, f"{name}_{k}", bits[k], addresses[k], where))
    return out


def _shared(
    m: Module,
    pipe: Elastic,
    stage: int,
    name: str,
    bits: Sequence[np.ndarray],
    addresses: Sequence[Value],
) -> list[Value]:
    """Two tables in one memory, each with its own port; the second starts in the middle.

    If both are the same table, it is stored once.
    """
    loads, (depth, width) = pipe.load[stage], bits[0].shape
    half = 1 << (depth - 1).bit_length()
    init, same = words(bits[0]), bits[1] is bits[0]
    if not same:
        init += [0] * (half - depth) + words(bits[1])
    rom = Words(init, width, {"ram_style": "block"})
    m.submodules[name] = rom
    ports = [rom.read_port(), rom.read_port()]
    for k, (port, address) in enumerate(zip(ports, addresses, strict=True)):
        at = Cat(address, C(0, half.bit_length() - 1))[: half.bit_length() - 1]
        m.d.comb += [port.addr.eq(at if same else Cat(at, C(k, 1))), port.en.eq(loads)]
    return [port.data for port in ports]


def _read(
    m: Module, pipe: Elastic, stage: int, name: str, bits: np.ndarray, address: Value, attrs: dict
) -> Value:
    width = bits.shape[1]
    rom = Words(words(bits), width, attrs)
    m.submodules[name] = rom
    port = rom.read_port()
    m.d.comb += [port.addr.eq(address), port.en.eq(pipe.load[stage])]
    return port.data


def wired(m: Module, name: str, bits: np.ndarray, address: Value) -> Value:
    """Word ``address`` of ``bits [n, width]`` in the same cycle: a table in logic, unregistered."""
    if (bits == bits[0]).all():
        return C(words(bits[:1])[0], bits.shape[1])
    attrs = {"ram_style": "distributed", "rom_block": "logic"}
    rom = Words(words(bits), bits.shape[1], attrs)
    m.submodules[name] = rom
    port = rom.read_port(domain="comb")
    m.d.comb += port.addr.eq(address)
    return port.data


def split(m: Module, word: Value, width: int, name: str) -> list[Value]:
    """The parts of ``word``, low first, as signals: Amaranth is slow at slices of wide words."""
    parts: list[Value] = [Signal(width, name=f"{name}{k}") for k in range(len(word) // width)]
    m.d.comb += Cat(parts).eq(word)
    return parts
