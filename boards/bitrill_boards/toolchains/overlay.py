"""Writes the device-tree overlay of a board.

With it, Linux loads the bitstream, sets the clock, and makes registers, interrupt and memory
available to the driver.

Bindings: fpga-region (its ``firmware-name``), generic-uio (needs the kernel's argument
``uio_pdrv_genirq.of_id=generic-uio``), ikwzm,u-dma-buf (a module of its own).
"""

from ..families.zynq import Processing

MEMORY_BYTES = 16 << 20
"""Bytes of the buffer that the driver and the hardware share."""

NAME = "bitrill"
"""Name of the device and of its buffer, by which the driver finds them."""


def overlay(ps: Processing, base: int, size: int, clock_hz: int, firmware: str) -> str:
    """Return ``bitrill.dts``; compile it: ``dtc -@ -I dts -O dtb -o bitrill.dtbo bitrill.dts``."""
    parent, cell = ps.clock_cell
    return f"""\
/dts-v1/;
/plugin/;

&fpga_full {{
	#address-cells = <{ps.cells}>;
	#size-cells = <{ps.cells}>;
	firmware-name = "{firmware}";

	{NAME}@{base:x} {{
		compatible = "generic-uio";
		linux,uio-name = "{NAME}";
		reg = <{_number(base, ps.cells)} {_number(size, ps.cells)}>;
		interrupt-parent = <&{ps.interrupt_parent}>;
		interrupts = <0 {ps.interrupt_spi} 4>;
		assigned-clocks = <&{parent} {cell}>;
		assigned-clock-rates = <{clock_hz}>;
	}};

	{NAME}-memory {{
		compatible = "ikwzm,u-dma-buf";
		device-name = "{NAME}";
		size = <{MEMORY_BYTES:#x}>;
	}};
}};
"""


def _number(value: int, cells: int) -> str:
    """Write a number in cells of 32 bits, the highest one first."""
    return " ".join(f"{value >> 32 * k & 0xFFFFFFFF:#x}" for k in reversed(range(cells)))
