"""Comparison of two build folders, byte for byte, but for version numbers and digests.

What may differ is listed in `RULES`, and what did differ by it is reported as masked. Everything
else is a difference. Digests may be masked without a loss: what they are of is compared itself.
Not masked: the serial shells' ``bitrill.v``, which holds the graph's digest byte by byte.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

TEXT = {".v", ".json", ".md", ".py", ".tcl", ".xdc", ".dts", ".sh", ".ys", ".lpf", ".cst", ".pcf"}

RULES: tuple[tuple[str, str, str], ...] = (
    (r"(.*/)?top\.v", r"\A// Bitrill (\S+), ", "version of Bitrill"),
    (r"(.*/)?top\.v", r"\A// Bitrill \S+, graph ([0-9a-f]{64})\n", "digest of the graph"),
    (r"(.*/)?graph\.json", r'^ "digest": "([0-9a-f]{64})"', "digest of the graph"),
    (r"(.*/)?graph\.json", r'^ "schema": (\d+)', "version of the form"),
    (r"registers\.json", r'^ "version": (\d+)', "version of the form"),
    (r"boards/.*/network\.json", r'^ "digest": "([0-9a-f]{16})"', "digest of the graph"),
    (r"boards/.*/(network|board)\.json", r'^ "format": (\d+)', "version of the form"),
    (r"boards/.*/board\.json", r'^  "digest": "([0-9a-f]{64})"', "digest of the graph"),
    (r"boards/.*/board\.json", r'^  "[^"]+": "([0-9a-f]{64})"', "digests of files"),
)
"""File, as an expression for its path in the build; what may differ, group 1; its name."""

_CONSTANTS = r"(.*/)?[^/]+\.(v|xdc|tcl)"
"""Files that hold parts of the graph's digest: values of registers, a bitstream's user code."""

_SHOWN = 100
"""Characters of a line that are shown."""


@dataclass(frozen=True)
class Difference:
    """``where``: ``line 7``, ``byte 12``, or empty; ``a``, ``b``: what stands there."""

    file: str
    where: str
    a: str
    b: str

    def __str__(self) -> str:
        place = f"{self.file} {self.where}".strip()
        return f"{place}: {self.a} | {self.b}"


@dataclass
class Comparison:
    """``files``: how many there are in either folder; ``masked``: ``(file, what)``."""

    files: int = 0
    differences: list[Difference] = field(default_factory=list)
    masked: list[tuple[str, str]] = field(default_factory=list)


def compare_folders(a: Path, b: Path, *, same_code: bool = False) -> Comparison:
    """Compare all files below two build folders.

    ``same_code``: a Python source that differs in comments and docstrings alone is masked, too.
    """
    ours, theirs = _files(a), _files(b)
    digests = _digest(a), _digest(b)
    done = Comparison(files=len(ours | theirs))
    for name in sorted(ours | theirs):
        if name not in ours or name not in theirs:
            here, there = ("there", "missing") if name in ours else ("missing", "there")
            done.differences.append(Difference(name, "", here, there))
            continue
        left, right = (a / name).read_bytes(), (b / name).read_bytes()
        if left == right:
            continue
        if Path(name).suffix not in TEXT:
            done.differences.append(_first_byte(name, left, right))
            continue
        texts = left.decode(errors="replace"), right.decode(errors="replace")
        if same_code and name.endswith(".py") and _code(texts[0]) == _code(texts[1]):
            done.masked.append((name, "comments and docstrings"))
            continue
        texts, masked = _mask(name, texts, digests)
        done.masked += [(name, what) for what in masked]
        if texts[0] != texts[1]:
            done.differences.append(first_line(name, *texts))
        elif not masked:  # bytes that are no text
            done.differences.append(_first_byte(name, left, right))
    return done


def first_line(name: str, a: str, b: str) -> Difference:
    """The first line in which two texts differ, counted from 1."""
    left, right = a.split("\n"), b.split("\n")
    for number, (x, y) in enumerate(zip(left, right, strict=False), 1):
        if x != y:
            return Difference(name, f"line {number}", *_around(x, y))
    return Difference(name, "", f"{len(left)} lines", f"{len(right)} lines")


def _around(x: str, y: str) -> tuple[str, str]:
    """Two lines, cut so that the first difference is seen."""
    same = next((i for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), 0)
    start = max(0, same - _SHOWN // 2) if max(len(x), len(y)) > _SHOWN else 0
    return repr(x[start : start + _SHOWN]), repr(y[start : start + _SHOWN])


def _first_byte(name: str, a: bytes, b: bytes) -> Difference:
    at = next((i for i, (p, q) in enumerate(zip(a, b, strict=False)) if p != q), None)
    if at is None:
        return Difference(name, "", f"{len(a)} bytes", f"{len(b)} bytes")
    return Difference(name, f"byte {at}", f"0x{a[at]:02x}", f"0x{b[at]:02x}")


def _files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def _digest(folder: Path) -> str:
    """Digest of a build's graph, empty where there is none."""
    try:
        return str(json.loads((folder / "graph.json").read_text())["digest"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _mask(
    name: str, texts: tuple[str, str], digests: tuple[str, str]
) -> tuple[tuple[str, str], list[str]]:
    """Both texts without what may differ, and the names of what did."""
    a, b = texts
    masked: list[str] = []
    for file, pattern, what in RULES:
        if not re.fullmatch(file, name):
            continue
        rule = re.compile(pattern, re.MULTILINE)
        if rule.findall(a) != rule.findall(b):
            masked.append(what)
            a, b = (rule.sub(lambda m: m[0].replace(m[1], "?"), text) for text in (a, b))
    if re.fullmatch(_CONSTANTS, name) and digests[0] != digests[1]:
        shorter = _without_digest(a, digests[0]), _without_digest(b, digests[1])
        if shorter != (a, b):
            masked.append("digest of the graph in constants")
            a, b = shorter
    return (a, b), masked


def _without_digest(text: str, digest: str) -> str:
    """A text whose constants that are the first or second 32 bits of a digest are blanked."""
    if not digest:
        return text
    high, low = digest[:8], digest[8:16]
    for part in (digest[:16], f"0x{high.upper()}", f"32'd{int(high, 16)}", f"32'd{int(low, 16)}"):
        text = re.sub(rf"\b{re.escape(part)}\b", "?", text)
    return text


def _code(text: str) -> str:
    """A source's syntax tree without docstrings, as text."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for s in body if not _is_string(s)]  # pyright: ignore
    return ast.dump(tree)


def _is_string(statement: object) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
