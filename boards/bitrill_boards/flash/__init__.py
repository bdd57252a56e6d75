"""Loads a bitstream into a board over its cable, and checks that the chip runs it."""

from .loading import Loaded, flash

__all__ = ["Loaded", "flash"]
