"""The register map: the addresses of a design whose weights or thresholds the host can write.

The first 32 bytes are the design's own registers (`SYSTEM`). Behind them each writable node has a
window, aligned to its size, a power of two; in it each of its tables has a block, likewise. A word
of a table takes as many 32-bit registers as it needs, low bits first, at a stride of a power of
two; the bits that the last one has too many read 0.

    address = window + block + word * stride + 4 * register

An operator tells what the bits of its tables are (`bitrill.ir.operator.Operator.tables`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..ir import Graph, Operator, Table
from ..ir.structure import BUS_BITS as REGISTER_BITS
from ..ops import MatVec

REGISTER_BYTES = REGISTER_BITS // 8

IDENTITY = int.from_bytes(b"BTRL", "little")
"""The content of the first register."""

VERSION = 1
"""Version of this map, which the second register holds."""

SYSTEM = {
    "identity": 0x00,
    "version": 0x04,
    "digest_low": 0x08,
    "digest_high": 0x0C,
    "status": 0x10,
    "control": 0x14,
}
"""Registers of the design itself, by their addresses. ``digest``: the first 64 bits of the graph's;
``status``: bit 0 busy, bit 1 the output ``error``, bit 2 whether ``control`` holds frames back and
none is inside; ``control``: bit 0 lets no further frame in."""

SYSTEM_BYTES = 32

BUSY, ERROR, HELD = 1, 2, 4
"""Bits of ``status``."""


@dataclass(frozen=True)
class Block:
    """The place of a table: ``offset`` in its window; ``words`` of ``bits`` bits."""

    table: str
    offset: int
    words: int
    bits: int

    @property
    def registers(self) -> int:
        """Registers per word."""
        return -(-self.bits // REGISTER_BITS)

    @property
    def stride(self) -> int:
        """Bytes from a word to the next."""
        return REGISTER_BYTES * _power(self.registers)

    @property
    def size(self) -> int:
        """Bytes, a power of two."""
        return self.stride * _power(self.words)


@dataclass(frozen=True)
class NodeWindow:
    """The place of a node in the map."""

    node: str
    kind: str
    offset: int
    size: int
    blocks: tuple[Block, ...]


def blocks_of(op: Operator) -> tuple[Block, ...]:
    """Return the tables of a writable node in its window, the largest first: so each is aligned."""
    sizes = [Block(name, 0, *table.bits.shape) for name, table in op.tables().items()]
    at, blocks = 0, []
    for b in sorted(sizes, key=lambda b: -b.size):
        blocks.append(Block(b.table, at, b.words, b.bits))
        at += b.size
    return tuple(blocks)


def window_size(blocks: tuple[Block, ...]) -> int:
    """Return the bytes of a window, a power of two."""
    return _power(sum(b.size for b in blocks))


def register_map(graph: Graph) -> tuple[NodeWindow, ...]:
    """Return the windows of a FOLDED graph, in the order of its writable nodes."""
    at, windows = SYSTEM_BYTES, []
    for op in graph.nodes:
        if not op.writable:
            continue
        blocks = blocks_of(op)
        size = window_size(blocks)
        at = -(-at // size) * size
        windows.append(NodeWindow(op.name, op.kind, at, size, blocks))
        at += size
    return tuple(windows)


def address_bits(windows: tuple[NodeWindow, ...]) -> int:
    """Return the bits of a register's address, in bytes."""
    last = max((w.offset + w.size for w in windows), default=SYSTEM_BYTES)
    return (last - 1).bit_length()


def writes(op: Operator, window: NodeWindow) -> Iterator[tuple[int, int]]:
    """Yield ``(address, data)`` of every register of a writable node."""
    tables = op.tables()
    for b in window.blocks:
        padded = np.zeros((b.words, b.registers * REGISTER_BITS), np.uint8)
        padded[:, : b.bits] = tables[b.table].bits
        data = np.packbits(padded, axis=1, bitorder="little").view("<u4")
        for word, row in enumerate(data.tolist()):
            base = window.offset + b.offset + word * b.stride
            yield from ((base + REGISTER_BYTES * k, v) for k, v in enumerate(row))


def to_json(graph: Graph) -> dict[str, object]:
    """Return ``registers.json`` of a build: the map, and all that is needed to fill it."""
    windows = register_map(graph)
    return {
        "address_bits": address_bits(windows),
        "identity": IDENTITY,
        "version": VERSION,
        "system": SYSTEM,
        "nodes": [
            {
                "node": w.node,
                "kind": w.kind,
                "offset": w.offset,
                "size": w.size,
                "tables": [_described(graph[w.node].tables()[b.table], b) for b in w.blocks],
            }
            for w in windows
        ],
    }


def _described(table: Table, b: Block) -> dict[str, object]:
    """Return a block, the axes of its bits, outermost first, and what else its operator tells."""
    return {
        "table": b.table,
        "offset": b.offset,
        "words": b.words,
        "bits": b.bits,
        "registers": b.registers,
        "stride": b.stride,
        "axes": dict(table.axes),
        **table.notes,
    }


def _power(n: int) -> int:
    """Return the least power of two that is ``n`` or more."""
    return 1 << (n - 1).bit_length()


def streamed(graph: Graph) -> list[MatVec]:
    """Return the nodes of a FOLDED graph whose weights come over a stream."""
    return [n for n in graph.nodes if isinstance(n, MatVec) and n.folded.streamed]
