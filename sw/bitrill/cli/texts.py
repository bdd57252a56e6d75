"""The text of each verb's result, as the command line prints it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .show import (
    checked,
    compiled,
    compressed,
    inspected,
    made,
    ran,
    reported,
    searched,
    synthesised,
    tabled,
    traced,
    trained,
    verified,
)
from .show_boards import built, driven, exported, flashed

TEXTS: dict[str, Callable[[Any], str]] = {
    "train": trained,
    "compress": compressed,
    "search": searched,
    "check": checked,
    "inspect": inspected,
    "compile": compiled,
    "run": ran,
    "trace": traced,
    "verify": verified,
    "synth": synthesised,
    "report": reported,
    "boards": tabled,
    "build": built,
    "flash": flashed,
    "drive": driven,
    "export-ip": exported,
    "make": made,
    "zoo": tabled,
    "doctor": tabled,
}
"""The function that formats each verb's result."""
