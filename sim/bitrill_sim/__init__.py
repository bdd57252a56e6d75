"""Simulation of generated hardware, compared with the golden model bit for bit."""

from bitrill.engines import ENGINES, Engine

from .layer_report import LayerReport
from .layers import verify_layers
from .operators import verify_operator
from .outcome import Difference, Report
from .ports import AXIS, STREAM, Dut, Ports
from .verification import Rtl, verify
from .waves import record_waves

__all__ = [
    "AXIS",
    "ENGINES",
    "STREAM",
    "Difference",
    "Dut",
    "Engine",
    "LayerReport",
    "Ports",
    "Report",
    "Rtl",
    "record_waves",
    "verify",
    "verify_layers",
    "verify_operator",
]
