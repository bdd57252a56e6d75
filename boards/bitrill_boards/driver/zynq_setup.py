"""Sets up a Zynq's processing system for a design: clock, port widths, level shifters.

The clock's divisors are computed from the crystal and from the PLL's present setting: a boot loader
or design tool may have assumed another PLL, and PYNQ assumes a crystal of 50 MHz.
Registers: AMD UG585 (Zynq-7000), UG1087 (Zynq UltraScale+).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

from .driver_errors import DriverError
from .zynq_clocks import divide, zynq7_pll, zynqmp_pll


class Physical(Protocol):
    """Reads and writes 32 bits at a physical address."""

    def read(self, address: int) -> int: ...

    def write(self, address: int, value: int) -> None: ...


def prepare(family: str, at: Physical, crystal_mhz: Fraction, clock_mhz: Fraction) -> Fraction:
    """Set ports and clock as the design needs them; return the clock in MHz that was set.

    It is ``clock_mhz`` or a little less. Registers that are already correct are not written.
    """
    if family not in _FAMILIES:
        raise DriverError(f"a board of family {family!r} has no processing system to set up")
    return _FAMILIES[family](at, crystal_mhz, clock_mhz)


def _zynq7(at: Physical, crystal_mhz: Fraction, clock_mhz: Fraction) -> Fraction:
    slcr = 0xF8000000
    io_pll, clock, throttle = slcr + 0x108, slcr + 0x170, slcr + 0x178
    reset, levels = slcr + 0x240, slcr + 0x900
    made = divide(zynq7_pll(crystal_mhz, _field(at.read(io_pll), 12, 7)), clock_mhz)
    at.write(slcr + 0x008, 0xDF0D)  # unlock
    try:
        _change(at, clock, {(4, 2): 0, (8, 6): made.first, (20, 6): made.second})
        _change(at, throttle, {(0, 32): 0})
        _change(at, levels, {(0, 4): 0xF})
        _change(at, reset, {(0, 1): 0})
    finally:
        at.write(slcr + 0x004, 0x767B)  # lock
    for control in (0xF8008000, 0xF8008014):  # HP0, reading and writing: 64 bits, not 32
        _change(at, control, {(0, 1): 0})
    return made.mhz


def _zynqmp(at: Physical, crystal_mhz: Fraction, clock_mhz: Fraction) -> Fraction:
    crl = 0xFF5E0000
    pll = at.read(crl + 0x020)
    made = divide(zynqmp_pll(crystal_mhz, _field(pll, 8, 7), bool(_field(pll, 16, 1))), clock_mhz)
    _change(at, crl + 0x0C0, {(0, 3): 0, (8, 6): made.first, (16, 6): made.second, (24, 1): 1})
    for control in (0xFD380000, 0xFD380014):  # HP0, reading and writing: 128 bits, as after reset
        _change(at, control, {(0, 2): 0})
    _change(at, 0xFD615000, {(8, 2): 2})  # HPM0: 128 bits
    return made.mhz


_FAMILIES = {"zynq7": _zynq7, "zynqmp": _zynqmp}


def _field(value: int, low: int, bits: int) -> int:
    return value >> low & ((1 << bits) - 1)


def _change(at: Physical, address: int, fields: dict[tuple[int, int], int]) -> None:
    """Set fields of a register, by ``(lowest bit, bits)``, if they differ."""
    before = value = at.read(address)
    for (low, bits), field in fields.items():
        value = value & ~(((1 << bits) - 1) << low) | field << low
    if value != before:
        at.write(address, value)
