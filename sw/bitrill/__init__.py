"""Bitrill: few-bit neural networks to streaming FPGA hardware, bit-exact at every step."""

TYPE_CHECKING = False  # that of typing, which takes milliseconds to import

if TYPE_CHECKING:
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


def __getattr__(name: str) -> object:
    """Import the errors when they are asked for: a command is ready for a stop before that."""
    from importlib import import_module

    if name in __all__:
        return getattr(import_module(".errors", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
