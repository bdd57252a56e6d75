"""What a verb needs beyond numpy: imported when used, named when missing; progress of a verb."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ToolError
from ..progress import Progress as Progress
from ..progress import silent as silent


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
