"""Registers of a design whose weights can be written: which bit of which table is where.

The first 32 bytes are the design's own registers (`SYSTEM`). Behind them each node of style
``runtime`` has a window, aligned to its size, a power of two; in it each of its tables has a block,
likewise. A word of a table takes as many 32-bit registers as it needs, low bits first, at a stride
of a power of two; the bits that the last one has too many read 0.

    address = window + block + word * stride + 4 * register

What a table's bits are (`tables`) is what a folded operator holds in its memory:

- ``weights`` of a `MatVec`: word ``turn * beats + beat``, bits ``[lane][plane][row]``: of the codes
  of columns ``beat * simd ..`` and rows ``turn * pe ..``. Where `bitrill.arith.products` has three
  lanes share a parity, the third one's bit is the parity of the three.
- ``starts`` of a `MatVec`: word ``turn``, bits ``[plane][row]``: the number, modulo
  ``2**y.bits``, that a row's sum starts from; it follows from the row's weights
  (`bitrill.arith.accumulate.starts`).
  Of a `Depthwise`: word ``group``, rows are channels; its ``weights``: word
  ``tap * groups + group``, bits ``[plane][row]``.
- ``thresholds``: word ``turn``, bits ``[channel][field]``: of channels ``turn * pe ..``
  the thresholds in ascending order, each as `limit_type`, then whether the channel is inverted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arith.accumulate import starts, stored_weights, sum_plan
from ..ir.graph import Graph
from ..ir.operator import Operator
from ..ir.types import IntType
from ..ops.depthwise import Depthwise
from ..ops.matvec import MatVec
from ..ops.threshold import Threshold
from ..resources.structures_arithmetic import weight_words

REGISTER_BITS = 32
REGISTER_BYTES = REGISTER_BITS // 8

IDENTITY = int.from_bytes(b"BTRL", "little")
"""What the first register holds."""

VERSION = 1
"""Of this map, in the second one."""

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
    """A table's place: ``offset`` in its window; ``words`` of ``bits`` bits."""

    table: str
    offset: int
    words: int
    bits: int

    @property
    def registers(self) -> int:
        """Of a word."""
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
class Window:
    """A node's place in the map."""

    node: str
    kind: str
    offset: int
    size: int
    blocks: tuple[Block, ...]


def limit_type(op: Threshold) -> IntType:
    """Type of a threshold: every value of x, and the one that is never reached."""
    return IntType.for_range(lo=op.x.type.lo, hi=op.x.type.hi + 1)


def tables(op: Operator) -> dict[str, np.ndarray]:
    """What a node's memories hold: bits ``[words, bits]``, uint8, by the name of the table."""
    found: dict[str, np.ndarray] = {}
    if isinstance(op, MatVec):
        found["weights"] = weight_words(op)
        if sum_plan(op).start:
            found["starts"] = start_words(op)
    elif isinstance(op, Depthwise):
        found["weights"] = tap_words(op)
        if sum_plan(op.rows).start:
            found["starts"] = start_words(op.rows)
    elif isinstance(op, Threshold):
        found["thresholds"] = _threshold_words(op)
    return {name: bits.astype(np.uint8) for name, bits in found.items()}


def start_words(op: MatVec) -> np.ndarray:
    """Bits ``[passes, plane and row]`` of what the rows' sums start from."""
    codes = (starts(op)[:, None] >> np.arange(sum_plan(op).width)) & 1
    return codes.reshape(op.passes, op.folded.pe, -1).transpose(0, 2, 1).reshape(op.passes, -1)


def tap_words(op: Depthwise) -> np.ndarray:
    """Bits ``[taps * groups, plane and row]`` of the weights."""
    planes = stored_weights(op.rows)
    planes = planes.reshape(op.groups, op.folded.pe, op.taps, -1).transpose(2, 0, 3, 1)
    return planes.reshape(op.taps * op.groups, -1)


def _threshold_words(op: Threshold) -> np.ndarray:
    limit = limit_type(op)
    planes = (limit.encode(op.thresholds)[..., None] >> np.arange(limit.bits)) & 1
    fields = np.concatenate([planes.reshape(op.x.channels, -1), op.inverted[:, None]], 1)
    return fields.reshape(op.x.channels // op.folded.pe, -1)


def is_runtime(op: Operator) -> bool:
    """Whether a node's constants can be written."""
    return op.impl is not None and op.impl.style == "runtime"


def blocks_of(op: Operator) -> tuple[Block, ...]:
    """The tables of a runtime node in its window, the largest first: so each is aligned."""
    sizes = [Block(name, 0, *bits.shape) for name, bits in tables(op).items()]
    at, found = 0, []
    for b in sorted(sizes, key=lambda b: -b.size):
        found.append(Block(b.table, at, b.words, b.bits))
        at += b.size
    return tuple(found)


def window_size(blocks: tuple[Block, ...]) -> int:
    """Bytes of a window, a power of two."""
    return _power(sum(b.size for b in blocks))


def register_map(graph: Graph) -> tuple[Window, ...]:
    """The windows of a FOLDED graph, in the order of its nodes; empty without runtime nodes."""
    at, found = SYSTEM_BYTES, []
    for op in graph.nodes:
        if not is_runtime(op):
            continue
        blocks = blocks_of(op)
        size = window_size(blocks)
        at = -(-at // size) * size
        found.append(Window(op.name, op.kind, at, size, blocks))
        at += size
    return tuple(found)


def address_bits(windows: tuple[Window, ...]) -> int:
    """Bits of the address, in bytes, of a register."""
    last = max((w.offset + w.size for w in windows), default=SYSTEM_BYTES)
    return (last - 1).bit_length()


def writes(op: Operator, window: Window) -> Iterator[tuple[int, int]]:
    """``(address, data)`` of every register of a runtime node."""
    found = tables(op)
    for b in window.blocks:
        padded = np.zeros((b.words, b.registers * REGISTER_BITS), np.uint8)
        padded[:, : b.bits] = found[b.table]
        data = np.packbits(padded, axis=1, bitorder="little").view("<u4")
        for word, row in enumerate(data.tolist()):
            base = window.offset + b.offset + word * b.stride
            yield from ((base + REGISTER_BYTES * k, v) for k, v in enumerate(row))


def to_json(graph: Graph) -> dict[str, Any]:
    """``registers.json`` of a build: the map, and all that is needed to fill it."""
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
                "tables": [_described(graph[w.node], b) for b in w.blocks],
            }
            for w in windows
        ],
    }


def _described(op: Any, b: Block) -> dict[str, Any]:
    """A block and the axes of its bits, outermost first."""
    impl, more = op.folded, {}
    if b.table == "thresholds":
        limit = limit_type(op)
        axes = {"channel": impl.pe, "field": b.bits // impl.pe}
        more = {"limit": {"bits": limit.bits, "lo": limit.lo, "hi": limit.hi}}
    elif b.table == "weights":
        t, taps = op.weight_type, isinstance(op, Depthwise)
        lanes = 1 if taps else impl.simd
        axes = {"lane": lanes, "plane": b.bits // lanes // impl.pe, "row": impl.pe}
        order = (
            {"taps": op.taps, "groups": op.groups}
            if taps
            else {"passes": op.passes, "beats": op.beats, "parities": sum_plan(op).products.triples}
        )
        more = {"type": {"coding": t.coding.word, "bits": t.bits, "lo": t.lo, "hi": t.hi}, **order}
    else:
        axes = {"plane": b.bits // impl.pe, "row": impl.pe}
    return {
        "table": b.table,
        "offset": b.offset,
        "words": b.words,
        "bits": b.bits,
        "registers": b.registers,
        "stride": b.stride,
        "axes": axes,
        **more,
    }


def _power(n: int) -> int:
    """The least power of two that is ``n`` or more."""
    return 1 << (n - 1).bit_length()


def stream_words(op: MatVec) -> np.ndarray:
    """Bits ``[steps, bits]`` of the words that a streamed ``op`` takes for each vector.

    The weights of `tables`, and above them, in every word of a turn, what its rows start from.
    """
    found = tables(op)
    parts = [found["weights"]]
    if "starts" in found:
        parts.append(found["starts"].repeat(op.beats, axis=0))
    return np.concatenate(parts, axis=1)


def streamed(graph: Graph) -> list[MatVec]:
    """The nodes of a FOLDED graph whose weights come over a stream."""
    return [n for n in graph.nodes if isinstance(n, MatVec) and n.folded.style == "streamed"]
