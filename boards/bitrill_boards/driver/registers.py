"""Register map of the Zynq shell, for the driver and for the hardware (``shell/zynq_shell.py``)."""

from __future__ import annotations

from typing import Protocol

IDENTITY = int.from_bytes(b"BTRS", "little")
VERSION = 2

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
    "IN_STALLED",
    "OUT_STALLED",
    "LAYERS",
)
"""Names of the registers, 32 bits each, from offset 0 on. Accesses to others get SLVERR."""

OFFSETS = {name: 4 * k for k, name in enumerate(REGISTERS)}
"""Offset of each register in bytes."""

WRITABLE = (
    "INTERRUPT",
    "IN_ADDRESS_LOW",
    "IN_ADDRESS_HIGH",
    "IN_WORDS",
    "OUT_ADDRESS_LOW",
    "OUT_ADDRESS_HIGH",
    "OUT_WORDS",
)
"""Registers that keep what is written; while the shell is busy, a write gets SLVERR."""

START, STOP = 1, 2
"""Bits that are written to CONTROL. A start while busy is refused (SLVERR); a stop ends a run at
any cycle, even within a frame, and resets the network."""

BUSY, DONE, READ_SLVERR, READ_DECERR, WRITE_SLVERR, WRITE_DECERR, FRAME_ERROR, STOPPED = (
    1 << k for k in range(8)
)
"""Bits of STATUS; writing ones clears them, except BUSY. DONE: a run has ended, or was stopped."""

CLEAR = 0xFE
"""Value that clears all bits of STATUS when it is written there."""

WORD = 8
"""Bytes of a word in memory; each frame starts on a new word."""

LAYER = ("BEATS", "STALLED", "STARVED", "BLOCKED")
"""Counters of a layer, 32 bits each: beats of its first operand that it took; cycles in which data
waited for it, in which it waited for data, and in which its result waited."""

LAYERS_AT = 0x100
"""Offset of the first layer's counters; the others follow, `LAYERS` in all."""

LAYER_BYTES = 4 * len(LAYER)

ALIGN = 128
"""Addresses of a run are multiples of so many bytes."""

WEIGHTS = 0x1000000
"""Offset of the network's own registers, if its weights are writable (``registers.json``)."""

SIZE, SIZE_RUNTIME = 0x1000, 2 * WEIGHTS
"""Bytes of all registers, without and with those of the network."""


class ShellRegisters(Protocol):
    """The shell's 32-bit registers, addressed in bytes from its base address.

    An access that the bus refuses raises `LinkError`. ``interrupts``: whether `wait` returns early
    on the shell's interrupt.
    """

    interrupts: bool

    def read(self, offset: int) -> int: ...

    def write(self, offset: int, value: int) -> None: ...

    def wait(self, seconds: float) -> None:
        """Sleep for that time, or until the interrupt."""
        ...

    def close(self) -> None: ...
