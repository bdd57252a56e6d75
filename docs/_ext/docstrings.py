"""Docstrings as Sphinx reads them: indented lines are code, and nothing but backticks is markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sphinx.application import Sphinx

LITERAL = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)
BULLET = re.compile(r"\s*([-*]|\d+\.) ")


def blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield the paragraphs of a docstring."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def escaped(text: str) -> str:
    """Return text in which only names and code in backticks are markup."""
    parts = LITERAL.split(text)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"([\\*|]|(?<=\w)_(?!\w)|`)", r"\\\1", parts[i])
    return "".join(parts)


def as_rst(lines: list[str]) -> list[str]:
    """Return a docstring as reStructuredText."""
    written: list[str] = []
    for block in blocks(lines):
        if all(line.startswith("    ") for line in block):
            written += ["::", "", *block, ""]
        elif block[0].lstrip().startswith((":", "..")):
            written += [*block, ""]
        else:
            text = escaped("\n".join(block)).split("\n")
            for before, line in zip(["", *text], text, strict=False):
                if BULLET.match(line) and before and not BULLET.match(before):
                    written.append("")
                written.append(line)
            written.append("")
    return written


def process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]):
    """Change the lines of one docstring in place."""
    lines[:] = as_rst(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True}
