"""The log of the command line: what the logger ``bitrill`` says, on stderr."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LOG = logging.getLogger("bitrill")

_PREFIXES = {logging.ERROR: "error: ", logging.WARNING: "warning: "}


class _Lines(logging.Formatter):
    """Lines such as ``bitrill: error: ...``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"bitrill: {_PREFIXES.get(record.levelno, '')}{super().format(record)}"


@contextmanager
def logging_to_stderr(*, verbose: bool = False, quiet: bool = False) -> Iterator[None]:
    """Write the log to stderr: warnings and errors; everything if verbose; if quiet, errors."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    former_level, former_propagate = LOG.level, LOG.propagate
    LOG.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING)
    LOG.propagate = False
    LOG.addHandler(handler)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(former_level)
        LOG.propagate = former_propagate
