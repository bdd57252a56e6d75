"""What a verb needs beyond numpy: imported when used, named when missing; progress of a verb."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from ..errors import ToolError

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with ``(what, done, total)``; total 0 where it is unknown."""


def silent(what: str, done: int, total: int) -> None:
    """The `Progress` that shows nothing."""


@contextmanager
def extra(name: str, purpose: str) -> Iterator[None]:
    """Imports inside need the extra ``name``; a missing package becomes a `ToolError` (exit 3)."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package.startswith("bitrill"):
            raise
        raise ToolError(
            f"{purpose} needs {package}, which is not installed: pip install 'bitrill[{name}]'",
            missing=True,
            package=package,
        ) from error
