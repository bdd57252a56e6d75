"""Errors that Bitrill raises on purpose, with the exit codes of its command line.

Any other exception is a bug in Bitrill: exit 70, its trace in a file.

BitrillError
├── SpecError (ValueError)   a bad parameter, argument or input array           exit 2
├── UnsupportedError         a model that is refused: every reason, at once     exit 1
├── StageError               a graph that is not what its stage promises        exit 1
├── MismatchError            two results that must be equal are not             exit 1
├── StorageError             a file or folder that cannot be read or written    exit 4
├── ToolError                a tool is missing (exit 3) or failed (exit 4)
├── TimingError              a routed design that is slower than its clock      exit 5
├── FitError                 a target or a part that cannot be met              exit 6
└── SimulationTimeout        a stream that stalled past its bound of cycles     exit 4
"""

import difflib
import logging
from collections.abc import Iterable, Sequence
from typing import ClassVar

# a program that sets up no logging sees nothing, not even Python's lines for warnings
logging.getLogger("bitrill").addHandler(logging.NullHandler())


def meant(value: object, known: Sequence[str]) -> str:
    """Write ``"; did you mean 'x'?"``, or nothing if no known name is near."""
    near = difflib.get_close_matches(str(value), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


class BitrillError(Exception):
    """Base class; the message is one line, and ``details`` holds its parts for scripts."""

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, **details: object):
        super().__init__(" ".join(str(message).split()))
        self.details = details

    @property
    def kind(self) -> str:
        return type(self).__name__

    def to_json(self) -> dict[str, object]:
        """Return what the command line prints with ``--json``."""
        return {"error": str(self), "kind": self.kind, "details": self.details}

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows instead of a trace: IPython looks for this method."""
        return [f"{self.kind}: {self}"]


class SpecError(BitrillError, ValueError):
    """A bad parameter, argument or array: ``"X must be ..., not ..."``."""

    exit_code = 2


class UnsupportedError(BitrillError):
    """A model is refused; each of ``reasons`` names the node and what would be accepted."""

    exit_code = 1

    def __init__(self, reasons: str | Iterable[str], **details: object):
        self.reasons = (reasons,) if isinstance(reasons, str) else tuple(reasons)
        count = len(self.reasons)
        prefix = "" if count == 1 else f"{count} reasons: "
        super().__init__(prefix + "; ".join(self.reasons), reasons=list(self.reasons), **details)


class StageError(BitrillError):
    """A graph breaks a promise of its stage, or has another stage than a step needs."""

    exit_code = 1


class MismatchError(BitrillError):
    """Two results that must be equal are not: first wrong sample, layer and channel."""

    exit_code = 1


class StorageError(BitrillError):
    """A file or folder cannot be read or written; no half-written file stays behind."""

    exit_code = 4


class ToolError(BitrillError):
    """A tool is missing or failed: the command, its log, and how to get or mend it."""

    def __init__(self, message: str, *, missing: bool = False, **details: object):
        super().__init__(message, **details)
        self.missing = missing

    @property
    def exit_code(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return 3 if self.missing else 4


class TimingError(BitrillError):
    """A routed design is slower than its clock: how far off, and what can be done."""

    exit_code = 5


class FitError(BitrillError):
    """A rate, a clock or a part cannot be met: how far off, and what would fit."""

    exit_code = 6


class SimulationTimeout(BitrillError):  # noqa: N818
    """A simulated stream made no progress within its bound of cycles; names the stream."""

    exit_code = 4
