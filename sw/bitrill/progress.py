"""Progress of long work: the function that is called with it, and the one that ignores it."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Function called with ``(what, done, total)``; total is 0 where it is unknown."""


def silent(what: str, done: int, total: int) -> None:
    """Show nothing."""
