"""Bitrill: few-bit neural networks to streaming FPGA hardware, bit-exact at every step."""

from .errors import (
    BitrillError,
    FitError,
    MismatchError,
    SimulationTimeout,
    SpecError,
    StageError,
    StorageError,
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
    "ToolError",
    "UnsupportedError",
    "__version__",
]
