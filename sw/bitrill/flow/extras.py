"""Handles optional packages and progress for all verbs.

A package that is not installed raises an error that names the extra to install; progress is a
callback, by default lines in the log ``bitrill.flow``.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ToolError
from ..progress import Progress as Progress

LOG = logging.getLogger("bitrill.flow")


def logged(step: str, done: int, total: int) -> None:
    """Log the start of each step at level INFO; this is the default `Progress`."""
    if done == 0:
        LOG.info("%s", step)


@contextmanager
def extra(name: str, purpose: str) -> Iterator[None]:
    """Convert the error of a missing package, imported inside, to a `ToolError` (exit 3).

    ``name``: the extra of Bitrill that installs it; ``purpose``: the verb that needs it.
    """
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
