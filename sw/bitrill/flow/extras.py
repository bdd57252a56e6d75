"""Optional packages and progress: what every verb needs around its own work.

A package that is not installed becomes an error that names the extra to install; progress is a
callback, by default lines of the log ``bitrill.flow``.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ToolError
from ..progress import Progress as Progress

LOG = logging.getLogger("bitrill.flow")


def logged(step: str, done: int, total: int) -> None:
    """Write the start of each step to the log, at level INFO: the default `Progress`."""
    if done == 0:
        LOG.info("%s", step)


@contextmanager
def extra(name: str, purpose: str) -> Iterator[None]:
    """Turn a missing package, imported inside, into a `ToolError` (exit 3).

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
