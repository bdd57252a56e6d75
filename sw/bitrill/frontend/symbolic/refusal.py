"""The error with which a rule refuses a node, and the format of numbers in its message."""

from ...errors import BitrillError
from ...exact import Real


class RefusedError(BitrillError):
    """The reason why a node is refused; the importer adds the node's name and goes on."""

    exit_code = 1


def brief(x: Real) -> str:
    """Return a number as text for a message, with few digits."""
    try:
        return f"{float(x):g}"
    except OverflowError:
        return "a huge number"
