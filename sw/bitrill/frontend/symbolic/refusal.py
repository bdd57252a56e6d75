"""The error by which a rule refuses a node, and the form of numbers in its message."""

from ...errors import BitrillError
from ...exact import Real


class RefusedError(BitrillError):
    """The reason why one node is refused; the importer adds the node's name and goes on."""

    exit_code = 1


def brief(x: Real) -> str:
    """Write a number for a message, with few digits."""
    try:
        return f"{float(x):g}"
    except OverflowError:
        return "a huge number"
