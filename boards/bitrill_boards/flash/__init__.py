"""Load a bitstream into a board, and see that it is there."""

from .loading import Loaded, flash

__all__ = ["Loaded", "flash"]
