"""Assembles Tcl scripts for Vivado from a head of variables and the files in ``scripts/``.

A script is the head, then ``common``, ``block_design`` or ``ps7``, then ``implement``. It exits
with 3 if something is missing, 4 if a step failed, 5 if timing is not met.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

IMPLEMENT_STEPS = 6
"""Number of steps that ``implement`` reports."""

DIRECTIVES = ("Default", "Explore", "ExtraNetDelay_high", "ExtraPostPlacementOpt")
"""Directives of Vivado's placer, which has no seed: another seed selects another directive."""


def word(text: str) -> str:
    """Quote any ``text`` as one word of Tcl."""
    if re.fullmatch(r"[\w./:+*,=@-]+", text, flags=re.ASCII):
        return text
    if not re.search(r"[{}\\]", text):
        return f"{{{text}}}"
    return re.sub(r"([^\w./:+*,=@-])", r"\\\1", text, flags=re.ASCII).replace("\\\n", "\\n")


def head(variables: Mapping[str, str | Sequence[str]]) -> str:
    """Return Tcl that assigns texts and lists of texts to variables."""
    return "".join(
        f"set {name} {word(value) if isinstance(value, str) else _list(value)}\n"
        for name, value in variables.items()
    )


def _list(texts: Sequence[str]) -> str:
    """Write a list, two items on a line: properties and values come in pairs."""
    rows = [" ".join(map(word, texts[k : k + 2])) for k in range(0, len(texts), 2)]
    if len(rows) < 2:
        return f"[list {''.join(rows)}]"
    return "[list \\\n" + "".join(f"    {row} \\\n" for row in rows) + "]"


def directive(seed: int) -> str:
    """Return the placer's directive for a seed, 1 or more."""
    return DIRECTIVES[(seed - 1) % len(DIRECTIVES)]


@cache
def text(name: str) -> str:
    """Read a script: ``common``, ``implement``, ``block_design`` or ``ps7``."""
    path = Path(__file__).parent / "scripts" / f"{name}.tcl"
    return path.read_text(encoding="utf-8")
