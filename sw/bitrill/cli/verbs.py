"""Calls of `bitrill.flow`: the options of a verb are the parameters of the function of its name."""

import argparse
import inspect
from dataclasses import dataclass

from .. import flow
from ..errors import UnsupportedError
from ..flow.result import Json, Result
from ..progress import Progress
from . import show

COMMAND_LINE_ONLY = ("verb", "json", "verbose", "quiet")
"""Options that are no parameters."""

FAILED, TOOL_MISSING = 1, 3


@dataclass(frozen=True)
class Done:
    """A verb's result on its way to stdout."""

    verb: str
    result: Result

    @property
    def exit_code(self) -> int:
        if self.result.ok:
            return 0
        return TOOL_MISSING if self.verb == "doctor" else FAILED

    def to_json(self) -> Json:
        return self.result.to_json()

    def text(self) -> str:
        """Write the result for people."""
        return show.TEXTS[self.verb](self.result)


@dataclass(frozen=True)
class Refused:
    """A model that ``inspect`` was asked about and that is refused: an answer, no error."""

    model: str
    error: UnsupportedError

    @property
    def exit_code(self) -> int:
        return self.error.exit_code

    def to_json(self) -> Json:
        error = self.error
        return {"error": str(error), "kind": error.kind, "details": error.details}

    def text(self) -> str:
        return show.refused(self.model, self.error.reasons)


def call(options: argparse.Namespace, progress: Progress) -> Done | Refused:
    """Run the verb of a command."""
    function = getattr(flow, options.verb)
    arguments = {k: v for k, v in vars(options).items() if k not in COMMAND_LINE_ONLY}
    if "progress" in inspect.signature(function).parameters:
        arguments["progress"] = progress
    try:
        return Done(options.verb, function(**arguments))
    except UnsupportedError as error:
        if options.verb != "inspect":
            raise
        return Refused(options.model, error)
