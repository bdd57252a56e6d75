"""Calls `bitrill.flow`: a verb's options are the parameters of the function of the same name."""

import argparse
import inspect

from .. import flow
from ..errors import UnsupportedError
from ..flow.result import Json, Result
from ..progress import Progress
from . import live, show
from .texts import TEXTS

COMMAND_LINE_ONLY = ("verb", "json", "verbose", "quiet")
"""Options that are not parameters."""

FAILED, TOOL_MISSING = 1, 3


def call(options: argparse.Namespace, progress: Progress) -> tuple[int, Json | str]:
    """Run the verb of a command; return its exit code, and its result as JSON or as text.

    If ``inspect`` refuses a model, that is a result, not an error.
    """
    function = getattr(flow, options.verb.replace("-", "_"))
    arguments = {k: v for k, v in vars(options).items() if k not in COMMAND_LINE_ONLY}
    if "progress" in inspect.signature(function).parameters:
        arguments["progress"] = progress
    try:
        result: Result = function(**arguments)
        if isinstance(result, flow.Searched) and options.show and not options.json:
            result = live.follow(lambda: function(**arguments), show.searched)
    except UnsupportedError as error:
        if options.verb != "inspect":
            raise
        refused = show.refused(options.model, error.reasons)
        return error.exit_code, error.to_json() if options.json else refused
    failed = TOOL_MISSING if options.verb == "doctor" else FAILED
    value = result.to_json() if options.json else TEXTS[options.verb](result)
    return 0 if result.ok else failed, value
