"""The command line: ``bitrill VERB``. Parses, calls `bitrill.flow`, prints; decides nothing.

Results go to stdout; progress, notes and errors go to stderr through the log ``bitrill``. With
``--json`` stdout holds one JSON object and nothing else, also if a verb fails: ``{"error",
"kind", "details"}``. A `BitrillError` becomes one line, ``bitrill: error: ...``, and an exit code:

    0 done                               4 a step failed, a file cannot be read or written
    1 a mismatch or a refused model      5 timing not met
    2 wrong usage                        6 does not fit
    3 a tool is missing                  130 interrupted
"""

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout

from ..errors import BitrillError, UnsupportedError
from .log import LOG, logging_to_stderr, shown
from .parser import parse

REASONS_SHOWN = 3
"""Reasons of a refusal in the one line of an error; JSON and ``inspect`` give them all."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    with logging_to_stderr(verbose="--verbose" in arguments, quiet="--quiet" in arguments):
        try:
            return _run(arguments)
        except BitrillError as error:
            if "--json" in arguments:
                print(_json(error.to_json()))
            LOG.debug("the error came from here", exc_info=True)
            LOG.error("%s", one_line(error))
            return error.exit_code
        except KeyboardInterrupt:
            LOG.critical("interrupted; nothing half-written is left")
            return 130
        except BrokenPipeError:  # the reader of stdout has gone; nothing more can be said there
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except SystemExit as stop:  # --help and --version
            return int(stop.code or 0)


def _run(arguments: list[str]) -> int:
    options = parse(arguments)
    from . import verbs  # loads numpy, which --help does not need

    with (
        shown(options.verb, verbose=options.verbose, quiet=options.quiet) as progress,
        _stdout_for_json(options.json),
        _termination_interrupts(),
    ):
        code, value = verbs.call(options, progress)
        printed = value if isinstance(value, str) else _json(value)
    print(printed)
    sys.stdout.flush()
    return code


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """Treat SIGTERM as an interrupt, so that running tools are ended, too."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        former = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # signals belong to the main thread, and this is another
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def one_line(error: BitrillError) -> str:
    """Write an error as one line, with only the first reasons of a refusal."""
    if isinstance(error, UnsupportedError) and len(error.reasons) > REASONS_SHOWN:
        first = "; ".join(error.reasons[:REASONS_SHOWN])
        hidden = len(error.reasons) - REASONS_SHOWN
        count = len(error.reasons)
        text = f"{count} reasons: {first}; and {hidden} more (`bitrill inspect` lists all)"
        return " ".join(text.split())
    return str(error)


def _json(value: object) -> str:
    return json.dumps(value, indent=1, default=str)


@contextmanager
def _stdout_for_json(as_json: bool) -> Iterator[None]:
    """Send what libraries and tools print to stderr, so that stdout stays JSON."""
    if not as_json:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
