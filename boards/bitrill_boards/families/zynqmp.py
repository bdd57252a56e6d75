"""Zynq UltraScale+: the block ``zynq_ultra_ps_e``, its clock PL0 and its ports HPM0 and HP0.

Both ports are as wide as after a reset, 128 bits: a processing system that another design has set
up, or none, needs no register changed before this one runs. Numbers: UG1085, UG1087.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from ..driver.zynq_clocks import Divided
from .zynq import Processing, told

PLL_MHZ = 1500
"""Of the PLL of I/O where a board says nothing: 90 x 33.3 MHz, halved."""


def _config(made: Divided) -> Mapping[str, str]:
    return {
        "PSU__USE__M_AXI_GP0": "1",
        "PSU__MAXIGP0__DATA_WIDTH": "128",
        "PSU__USE__M_AXI_GP1": "0",
        "PSU__USE__M_AXI_GP2": "0",
        "PSU__USE__S_AXI_GP2": "1",
        "PSU__SAXIGP2__DATA_WIDTH": "128",
        "PSU__USE__IRQ0": "1",
        "PSU__USE__FABRIC__RST": "1",
        "PSU__FPGA_PL0_ENABLE": "1",
        "PSU__CRL_APB__PL0_REF_CTRL__SRCSEL": "IOPLL",
        "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ": told(made.mhz),
    }


def _bare(crystal: Fraction) -> Mapping[str, str]:
    return {"PSU__PSS_REF_CLK__FREQMHZ": told(crystal)}


PROCESSING = Processing(
    ip="zynq_ultra_ps_e",
    automation=(),
    control="M_AXI_HPM0_FPD",
    memory="S_AXI_HP0_FPD",
    port_clocks=("maxihpm0_fpd_aclk", "saxihp0_fpd_aclk"),
    clock="pl_clk0",
    reset="pl_resetn0",
    interrupt="pl_ps_irq0",
    segments="SAXIGP2",
    ddr=("HP0_DDR_LOW", "HP0_DDR_HIGH"),
    actual="PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ",
    config=_config,
    bare=_bare,
    address=40,
    interrupt_parent="gic",
    interrupt_spi=89,  # pl_ps_irq0[0] is 121 of the interrupt controller, whose SPIs begin at 32
    clock_cell=("zynqmp_clk", 71),
    pll_mhz=PLL_MHZ,
    cells=2,
)

__all__ = ["PROCESSING"]
