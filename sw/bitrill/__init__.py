"""Bitrill: few-bit neural networks to streaming FPGA hardware, bit-exact at every step."""

import logging

from .errors import (
    BitrillError,
    FitError,
    MismatchError,
    SimulationTimeout,
    SpecError,
    StageError,
    StorageError,
    TimingError,
    ToolError,
    UnsupportedError,
)

__version__ = "0.1.0"

__all__ = [
    "BitrillError",
    "FitError",
    "MismatchError",
    "SimulationTimeout",
    "SpecError",
    "StageError",
    "StorageError",
    "TimingError",
    "ToolError",
    "UnsupportedError",
    "__version__",
]

# a program that sets up no logging sees nothing, not even Python's lines for warnings
logging.getLogger(__name__).addHandler(logging.NullHandler())
