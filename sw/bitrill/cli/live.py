"""Shows on a terminal how something stands, until it is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from ..flow import Searched
from . import output

LOOK_SECONDS = 2.0
"""Seconds between two looks."""

CLEAR = "\x1b[H\x1b[J"
"""What empties a terminal."""


def follow(read: Callable[[], Searched], text: Callable[[Searched], str]) -> Searched:
    """Return what is read when it has ended; on a terminal, show each state before."""
    now = read()
    while sys.stdout.isatty() and not now.ended:
        output.say(CLEAR + text(now))
        time.sleep(LOOK_SECONDS)
        now = read()
    return now
