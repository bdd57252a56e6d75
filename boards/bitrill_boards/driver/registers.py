"""Registers of the shell of Zynq boards (``shell/zynq_shell.py``), 32 bits each, for both ends."""

from __future__ import annotations

IDENTITY = int.from_bytes(b"BTRS", "little")
VERSION = 1

REGISTERS = (
    "IDENTITY",
    "VERSION",
    "DIGEST_LOW",
    "DIGEST_HIGH",
    "CONTROL",
    "STATUS",
    "INTERRUPT",
    "FRAMES",
    "IN_ADDRESS_LOW",
    "IN_ADDRESS_HIGH",
    "IN_WORDS",
    "OUT_ADDRESS_LOW",
    "OUT_ADDRESS_HIGH",
    "OUT_WORDS",
    "CYCLES_LOW",
    "CYCLES_HIGH",
)
"""Names of the registers, from offset 0 on. All others answer SLVERR."""

OFFSETS = {name: 4 * k for k, name in enumerate(REGISTERS)}
"""Bytes from the base address on."""

WRITABLE = (
    "INTERRUPT",
    "IN_ADDRESS_LOW",
    "IN_ADDRESS_HIGH",
    "IN_WORDS",
    "OUT_ADDRESS_LOW",
    "OUT_ADDRESS_HIGH",
    "OUT_WORDS",
)
"""Registers that keep what is written, not while busy (SLVERR)."""

START, STOP = 1, 2
"""CONTROL, on a write. A start while busy is refused (SLVERR); a stop ends a run at any cycle, half
a frame inside or not, and resets the network."""

BUSY, DONE, READ_SLVERR, READ_DECERR, WRITE_SLVERR, WRITE_DECERR, FRAME_ERROR, STOPPED = (
    1 << k for k in range(8)
)
"""STATUS; a write of ones clears all but BUSY. DONE: a run has ended, by itself or by a stop."""

CLEAR = 0xFE
"""STATUS, written: clears it."""

WORD = 8
"""Bytes of a word of memory; frames start on one."""

ALIGN = 128
"""Bytes that the addresses of a run are multiples of."""

WEIGHTS = 0x1000000
"""Where the network's own registers begin, if its weights can be written (``registers.json``)."""

SIZE, SIZE_RUNTIME = 0x1000, 2 * WEIGHTS
"""Bytes of all registers: without and with those of the network."""
