"""The command line: ``bitrill VERB``. Parses, calls `bitrill.flow`, prints; decides nothing.

Results go to stdout, progress and errors to stderr. With ``--json`` stdout holds one JSON object
and nothing else, also when a verb fails: ``{"error", "kind", "details"}``. Whatever a verb raises
on purpose is one line, ``bitrill: error: ...``, and its exit code (see `bitrill.errors`):

    0 done                               4 a step failed, a file cannot be read or written
    1 a mismatch or a refused model      5 timing not met
    2 wrong usage                        6 does not fit
    3 a tool is missing                  130 interrupted
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

from ..errors import BitrillError, UnsupportedError
from .parser import parse

REASONS_SHOWN = 3
"""Reasons of a refusal in the one line of an error; JSON and ``inspect`` give them all."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    try:
        return _run(arguments, as_json)
    except BitrillError as error:
        _report(error, as_json)
        return error.exit_code
    except KeyboardInterrupt:
        print("bitrill: interrupted; nothing half-written is left", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of stdout has gone; nothing more can be said there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as stop:  # --help and --version
        return int(stop.code or 0)


def _run(arguments: list[str], as_json: bool) -> int:
    options = parse(arguments)
    from . import verbs  # numpy is loaded here, not for --help
    from .progress_bar import shown

    verb = getattr(verbs, options.verb)
    with shown(options.verb) as progress, _stdout_for_json(as_json), _termination_interrupts():
        done = verb(options, progress)
    print(_json(done.value) if as_json else done.text)
    sys.stdout.flush()
    return done.exit_code


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """Meanwhile SIGTERM is an interrupt, so that tools that run are ended, too."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    try:
        former = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread, which alone may
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _report(error: BitrillError, as_json: bool) -> None:
    if as_json:
        print(_json({"error": str(error), "kind": error.kind, "details": error.details}))
    print(f"bitrill: error: {one_line(error)}", file=sys.stderr)


def one_line(error: BitrillError) -> str:
    """The error's line, a refusal's first reasons alone."""
    if isinstance(error, UnsupportedError) and len(error.reasons) > REASONS_SHOWN:
        first = "; ".join(error.reasons[:REASONS_SHOWN])
        more = len(error.reasons) - REASONS_SHOWN
        text = (
            f"{len(error.reasons)} reasons: {first}; and {more} more (`bitrill inspect` lists all)"
        )
        return " ".join(text.split())
    return str(error)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, default=str)


@contextmanager
def _stdout_for_json(as_json: bool) -> Iterator[None]:
    """Meanwhile whatever libraries and tools print goes to stderr, so that stdout stays JSON."""
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
