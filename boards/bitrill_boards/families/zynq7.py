"""Zynq-7000: the block ``processing_system7``, its clock FCLK0 and its ports GP0 and HP0.

Its ports are AXI3 (bursts of at most 16 words); HP0 is 64 bits wide after a reset. Numbers: UG585.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from ..driver.zynq_clocks import Divided
from .zynq import Processing, told

PLL_MHZ = 1000
"""Of the PLL of I/O on all boards that are known, at both usual crystals (20 x 50, 30 x 33.3)."""


def _config(made: Divided) -> Mapping[str, str]:
    return {
        "PCW_USE_M_AXI_GP0": "1",
        "PCW_USE_M_AXI_GP1": "0",
        "PCW_USE_S_AXI_HP0": "1",
        "PCW_S_AXI_HP0_DATA_WIDTH": "64",
        "PCW_USE_FABRIC_INTERRUPT": "1",
        "PCW_IRQ_F2P_INTR": "1",
        "PCW_EN_CLK0_PORT": "1",
        "PCW_EN_RST0_PORT": "1",
        "PCW_FPGA_FCLK0_ENABLE": "1",
        "PCW_FCLK0_PERIPHERAL_CLKSRC": "IO PLL",
        "PCW_FPGA0_PERIPHERAL_FREQMHZ": told(made.mhz),
    }


def _bare(crystal: Fraction) -> Mapping[str, str]:
    return {"PCW_CRYSTAL_PERIPHERAL_FREQMHZ": told(crystal)}


PROCESSING = Processing(
    ip="processing_system7",
    automation=("make_external", "FIXED_IO, DDR", "Master", "Disable", "Slave", "Disable"),
    control="M_AXI_GP0",
    memory="S_AXI_HP0",
    port_clocks=("M_AXI_GP0_ACLK", "S_AXI_HP0_ACLK"),
    clock="FCLK_CLK0",
    reset="FCLK_RESET0_N",
    interrupt="IRQ_F2P",
    segments="S_AXI_HP0",
    ddr=("HP0_DDR_LOWOCM",),
    actual="PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ",
    config=_config,
    bare=_bare,
    address=32,
    interrupt_parent="intc",
    interrupt_spi=29,  # IRQ_F2P[0] is 61 of the interrupt controller, whose SPIs begin at 32
    clock_cell=("clkc", 15),
    pll_mhz=PLL_MHZ,
    cells=1,
)

__all__ = ["PROCESSING"]
