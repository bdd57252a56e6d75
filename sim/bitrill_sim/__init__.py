"""Simulation: Amaranth, cocotb and Verilator against the golden model."""

from .operators import verify_operator
from .ports import AXIS, STREAM, Dut, Ports
from .report import Difference, Report
from .rig import ENGINES, Engine
from .verification import Rtl, verify

__all__ = [
    "AXIS", "ENGINES", "STREAM", "Difference", "Dut", "Engine", "Ports", "Report", "Rtl", "verify",
    "verify_operator",
]  # fmt: skip
