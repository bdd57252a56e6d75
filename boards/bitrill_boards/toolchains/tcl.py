"""Tcl for Vivado: texts as words of it, and the scripts in ``scripts/``, the same for all designs.

A generated script is a head of variables, then ``common``, a design's own part, and ``implement``.
It exits with 3 where something is missing, 4 where a step failed, 5 where timing is not met.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

IMPLEMENT_STEPS = 6
"""Steps that ``implement`` tells of."""

DIRECTIVES = ("Default", "Explore", "ExtraNetDelay_high", "ExtraPostPlacementOpt")
"""Vivado's placer takes no seed: another seed is another one of these."""


def word(text: str) -> str:
    """One word of Tcl that stands for ``text``, whatever is in it."""
    if re.fullmatch(r"[\w./:+*,=@-]+", text, flags=re.ASCII):
        return text
    if not re.search(r"[{}\\]", text):
        return f"{{{text}}}"
    return re.sub(r"([^\w./:+*,=@-])", r"\\\1", text, flags=re.ASCII).replace("\\\n", "\\n")


def head(variables: Mapping[str, str | Sequence[str]]) -> str:
    """Sets variables to texts and to lists of texts."""
    return "".join(
        f"set {name} {word(value) if isinstance(value, str) else _list(value)}\n"
        for name, value in variables.items()
    )


def _list(texts: Sequence[str]) -> str:
    """A line for each two of a long list: properties and values go in pairs."""
    rows = [" ".join(map(word, texts[k : k + 2])) for k in range(0, len(texts), 2)]
    if len(rows) < 2:
        return f"[list {''.join(rows)}]"
    return "[list \\\n" + "".join(f"    {row} \\\n" for row in rows) + "]"


def directive(seed: int) -> str:
    """The placer's, of a seed from 1 on."""
    return DIRECTIVES[(seed - 1) % len(DIRECTIVES)]


@cache
def text(name: str) -> str:
    """One of the scripts: ``common``, ``implement``, ``block_design``, ``ps7``."""
    path = Path(__file__).parent / "scripts" / f"{name}.tcl"
    return path.read_text(encoding="utf-8")


__all__ = ["IMPLEMENT_STEPS", "directive", "head", "text", "word"]
