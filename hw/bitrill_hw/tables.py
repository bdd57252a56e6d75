"""Tables of constants, read into a stage of a pipeline."""

from __future__ import annotations

import numpy as np
from amaranth import *
from amaranth.lib import memory

from .elastic import Elastic


def words(bits: np.ndarray) -> list[int]:
    """Rows of ``bits [n, width]`` (0 or 1, low bit first) as ``n`` integers."""
    packed = np.packbits(bits.astype(np.uint8), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def table(
    m: Module, pipe: Elastic, stage: int, name: str, bits: np.ndarray, address: Value, style: str
) -> Value:
    """Word ``address`` of ``bits [n, width]``, registered in stage ``stage``.

    A submodule ``name`` in memory of ``style``; where all words are equal, a constant instead.
    """
    width = bits.shape[1]
    if (bits == bits[0]).all():
        return C(words(bits[:1])[0], width)
    attrs = {"ram_style": style}
    if style == "distributed":
        # Yosys maps no table without a write port to distributed RAM, and stops at being told to;
        # it heeds `rom_block` first, which makes it logic. Vivado heeds `ram_style` alone.
        attrs["rom_block"] = "logic"
    rom = memory.Memory(shape=unsigned(width), depth=len(bits), init=words(bits), attrs=attrs)
    m.submodules[name] = rom
    port = rom.read_port()
    m.d.comb += [port.addr.eq(address), port.en.eq(pipe.load[stage])]
    return port.data


def split(m: Module, word: Value, width: int, name: str) -> list[Value]:
    """The parts of ``word``, low first; signals, since slices of wide words take Amaranth long."""
    parts: list[Value] = [Signal(width, name=f"{name}{k}") for k in range(len(word) // width)]
    m.d.comb += Cat(parts).eq(word)
    return parts
