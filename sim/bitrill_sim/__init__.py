"""Simulation: Amaranth, cocotb and Verilator against the golden model."""

from .operators import verify_operator
from .outcome import Difference, Report
from .ports import AXIS, STREAM, Dut, Ports
from .rig import ENGINES, Engine
from .verification import Rtl, verify

__all__ = [
    "AXIS",
    "ENGINES",
    "STREAM",
    "Difference",
    "Dut",
    "Engine",
    "Ports",
    "Report",
    "Rtl",
    "verify",
    "verify_operator",
]
