"""Tcl for Vivado: texts as words of it, and the scripts in ``scripts/``, the same for all designs.

A generated script is a head of variables, then ``common``, a design's own part, and ``implement``.
It exits with 3 where something is missing, 4 where a step failed, 5 where timing is not met.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

IMPLEMENT_STEPS = 6
"""Steps that ``implement`` tells of."""

DIRECTIVES = ("Default", "Explore", "ExtraNetDelay_high", "ExtraPostPlacementOpt")
"""Vivado's placer takes no seed: another seed is another one of these."""


def word(text: str) -> str:
    """One word of Tcl that stands for ``text``, whatever is in it."""
    escaped = re.sub(r"([^\w./:+*,=@-])", r"\\\1", text, flags=re.ASCII)
    return escaped.replace("\\\n", "\\n") or "{}"


def words(texts: Iterable[str]) -> str:
    """A list of Tcl, as one word."""
    return f"[list {' '.join(map(word, texts))}]"


def head(variables: Mapping[str, str | Iterable[str]]) -> str:
    """Sets variables to texts and lists of texts."""
    return "".join(
        f"set {name} {word(value) if isinstance(value, str) else words(value)}\n"
        for name, value in variables.items()
    )


def directive(seed: int) -> str:
    """The placer's, of a seed from 1 on."""
    return DIRECTIVES[(seed - 1) % len(DIRECTIVES)]


@cache
def text(name: str) -> str:
    """One of the scripts: ``common``, ``implement``, ``block_design``."""
    path = Path(__file__).parent / "scripts" / f"{name}.tcl"
    return path.read_text(encoding="utf-8")


__all__ = ["IMPLEMENT_STEPS", "directive", "head", "text", "word", "words"]
