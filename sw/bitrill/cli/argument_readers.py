"""Arguments as tables, the readers of their values, and arguments that several verbs have."""

from __future__ import annotations

import argparse
import math
from typing import Any, TypeAlias

from ..tracking import TRACKERS
from ..train.run_options import DATASETS, DRAWN

Argument: TypeAlias = tuple[tuple[str, ...], dict[str, Any]]
"""Names and options for `argparse.ArgumentParser.add_argument`."""


def whole(text: str) -> int:
    """Read an integer."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None


def number(text: str) -> float:
    """Read a finite number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be finite, not {text!r}")
    return value


def argument(*names: str, **options: Any) -> Argument:
    """Return an argument; parameters as for `argparse.ArgumentParser.add_argument`."""
    return names, options


NAMED = ", ".join((*DATASETS, *DRAWN))


BUILD = argument("build", metavar="BUILD", help="the folder that compile wrote")


MORE_BOARDS = argument(
    "--boards", metavar="DIR", help="a folder of additional boards, one TOML file each"
)


SOURCE = argument(
    "--source",
    "--from",
    metavar="DIR",
    help="the folder that build wrote; default: BUILD/boards/BOARD",
)


JOBS = (
    argument(
        "--jobs",
        default=1,
        type=whole,
        metavar="N",
        help="processes that share the work; default: 1",
    ),
    argument(
        "--dask",
        metavar="ADDRESS",
        help="a dask scheduler whose workers share the work, such as tls://host:8786",
    ),
)


SEED = argument("--seed", default=0, type=whole, metavar="S", help="seed of everything random")


ON_BOARD = (
    argument("board", metavar="BOARD", help="the board's name (see bitrill boards)"),
    BUILD,
    MORE_BOARDS,
)


TRACK = argument(
    "--track", choices=tuple(TRACKERS), help="tell an experiment tracker what is reached"
)


NO_ADVICE = argument("--no-advice", action="store_true", help="do not suggest what to try next")
