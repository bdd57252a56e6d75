"""Parses a command; wrong usage is one error that suggests the nearest correct word."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import __version__
from ..errors import SpecError, meant
from .arguments import JSON, VERBS
from .completion import SHELLS, Completion


class Parser(argparse.ArgumentParser):
    """An `argparse` parser that raises `SpecError` and suggests what was probably meant."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise SpecError(f"{message} (see {self.prog} --help)")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = [] if action.choices is None else list(map(str, action.choices))
        if choices and str(value) not in choices:
            name = "/".join(action.option_strings) or str(action.metavar)
            raise SpecError(
                f"{name} must be one of {', '.join(choices)}, not {value!r}{meant(value, choices)}"
            )


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of one command; raise `SpecError` for wrong usage."""
    parser, verbs = parsers()
    options, unknown = parser.parse_known_args(arguments)
    if options.verb is None:
        parser.error(f"a verb must be given: one of {', '.join(verbs)}")
    if unknown:
        known = list(verbs[options.verb]._option_string_actions)
        what = "option" if unknown[0].startswith("-") else "argument"
        raise SpecError(
            f"unknown {what} {unknown[0]!r}{meant(unknown[0].partition('=')[0], known)}"
            f" (see bitrill {options.verb} --help)"
        )
    return options


def parsers() -> tuple[Parser, dict[str, Parser]]:
    """Return the parser of all commands, and the parsers of the verbs by name."""
    parser = Parser(
        prog="bitrill",
        description="Few-bit neural networks to streaming FPGA hardware, bit-exact.",
        epilog="Exit codes: 0 done, 1 a mismatch or a refused model, 2 wrong usage, 3 a tool is"
        " missing, 4 a step failed, 5 timing not met, 6 does not fit, 70 a bug in Bitrill,"
        " 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"bitrill {__version__}")
    parser.add_argument(
        "--completion",
        action=Completion,
        default=argparse.SUPPRESS,  # else it would be a parameter of every verb
        choices=SHELLS,
        metavar="SHELL",
        help=f"print a script that completes commands in a shell: {', '.join(SHELLS)}",
    )
    sub = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    verbs: dict[str, Parser] = {}
    for name, (summary, arguments) in VERBS.items():
        verbs[name] = verb = sub.add_parser(name, help=summary, description=f"{summary}.")
        for names, options in (*arguments, JSON):
            verb.add_argument(*names, **options)
        loudness = verb.add_mutually_exclusive_group()
        loudness.add_argument(
            "--verbose", action="store_true", help="report each step, and where an error was raised"
        )
        loudness.add_argument(
            "--quiet", action="store_true", help="show neither progress nor warnings"
        )
    return parser, verbs
