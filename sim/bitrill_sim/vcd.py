"""Reads wave files (IEEE 1364 value change dump): the signals' values before each clock edge."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from bitrill.errors import StorageError


def read_header(lines: Iterator[str]) -> dict[tuple[str, ...], str]:
    """Return the code of each signal ``(scope, .., name)``; consumes only the header's lines."""
    scope: list[str] = []
    codes: dict[tuple[str, ...], str] = {}
    for line in lines:
        match line.split():
            case ["$scope", _, name, *_]:
                scope.append(name)
            case ["$upscope", *_]:
                scope.pop()
            case ["$var", _, _, code, name, *_]:
                codes[*scope, name.partition("[")[0]] = code
            case ["$enddefinitions", *_]:
                break
    return codes


def edges(
    lines: Iterable[str], clock: str, codes: Iterable[str]
) -> Iterator[dict[str, int | None]]:
    """Yield the values of ``codes`` just before each rising edge of ``clock``; None if unknown."""
    now: dict[str, int | None] = dict.fromkeys(codes)
    before = dict(now)
    level: int | None = None
    rose = False
    for raw in lines:
        line = raw.strip()
        if not line or line[0] == "$":
            continue
        if line[0] == "#":
            if rose:
                yield before
            before, rose = dict(now), False
            continue
        value, code = line[1:].split() if line[0] in "bBrR" else (line[0], line[1:])
        if code == clock:
            rose = rose or (level == 0 and value == "1")
            level = int(value) if value in "01" else None
        if code in now:
            now[code] = int(value, 2) if set(value) <= {"0", "1"} else None
    if rose:
        yield before


def find(header: dict[tuple[str, ...], str], *path: str) -> str | None:
    """Return the code of the signal whose name ends with ``path``; of several, the outermost."""
    n = len(path)
    hits = sorted((k for k in header if k[-n:] == path), key=lambda k: (len(k), k))
    return header[hits[0]] if hits else None


def open_lines(path: Path) -> Iterator[str]:
    """Yield the file's lines."""
    try:
        with path.open(encoding="latin-1") as file:
            yield from file
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
