"""Runs one command, whether it ends with a result, an error, a stop or a bug."""

import json
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from .. import processes
from ..errors import BitrillError
from . import output
from .log import LOG, logging_to_stderr, shown
from .parser import parse
from .unexpected import Interrupted, as_error, one_line

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(arguments: Sequence[str], *, own_process: bool) -> int:
    """Run one command and return its exit code; all programs that it started are ended.

    ``own_process``: the process ends after the command.
    """
    if own_process:
        output.open_streams()
    as_json = "--json" in arguments
    with (
        logging_to_stderr(verbose="--verbose" in arguments, quiet="--quiet" in arguments),
        _stops(own_process),
    ):
        try:
            return _spoken(arguments)
        except output.ReaderGoneError:
            return 0
        except output.OutputError as error:
            return _failed(error, as_json=False)
        except BaseException as fault:
            _ignore_stops()
            return _failed(as_error(fault, arguments), as_json)
        finally:
            _ignore_stops()
            processes.stop_all()


def _spoken(arguments: Sequence[str]) -> int:
    """Call the verb and print its result; return the exit code."""
    try:
        options = parse(arguments)
    except SystemExit as end:  # --help and --version
        output.say("", end="")
        return int(end.code or 0)
    from . import verbs  # loads numpy, which --help does not need

    with (
        shown(options.verb, verbose=options.verbose, quiet=options.quiet) as progress,
        output.only_json(options.json),
    ):
        _handle(lambda *_: processes.interrupt())
        code, value = verbs.call(options, progress)
        text = value if isinstance(value, str) else _json(value)
    output.say(text)
    return code


def _failed(error: BitrillError, as_json: bool) -> int:
    """Report how a command failed; return its exit code."""
    LOG.debug("the error was raised here", exc_info=True)
    LOG.log(
        logging.CRITICAL if isinstance(error, Interrupted) else logging.ERROR, "%s", one_line(error)
    )
    if as_json:
        with suppress(
            output.ReaderGoneError, output.OutputError
        ):  # it was already reported on stderr
            output.say(_json(error.to_json()))
    return error.exit_code


def _json(value: object) -> str:
    return json.dumps(value, indent=1, default=str)


_Handler = Callable[[int, FrameType | None], object] | int | None


@contextmanager
def _stops(own_process: bool) -> Iterator[None]:
    """Restore the signal handlers afterwards, for a caller in this process.

    In a process of its own, which is about to end, there is nothing more to clean up.
    """
    former = {number: signal.getsignal(number) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in former.items():
            _set(number, signal.SIG_DFL if own_process and handler != signal.SIG_IGN else handler)


def _handle(handler: _Handler) -> None:
    """Install a handler for each stop signal that this process does not ignore."""
    for number in STOPS:
        if signal.getsignal(number) != signal.SIG_IGN:
            _set(number, handler)


def _ignore_stops() -> None:
    """Ignore further stops, so that the clean-up is completed."""
    _handle(lambda *_: None)


def _set(number: signal.Signals, handler: _Handler) -> None:
    with suppress(TypeError, ValueError):  # a handler not set by Python, or not in the main thread
        signal.signal(number, handler)
