"""Reads how often the signals of a design change from a SAIF file (IEEE 1801, annex on SAIF).

Switching is the number of changes of a signal in a clock cycle, averaged over the bits of all
signals of an operator's instance, below it too. Its clock and reset are left out, and bits that
never change: most of them are constants, which synthesis removes.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import SpecError, StorageError
from ..ir import Graph
from ..storage import open_file

_TOKEN = re.compile(
    r"\(INSTANCE\s+(?P<instance>\S+)"
    r"|\((?P<net>[^\s()]+)\s+\(T0[^)]*\)(?:\s*\([A-Z]+\d?\s+\d+\))*?\s*\(TC\s+(?P<changes>\d+)\)"
    r"(?:\s*\([A-Z]+\d?\s+\d+\))*\s*\)"
    r"|(?P<open>\()|(?P<close>\))"
)
"""An instance, a net with its times and changes in one line, or a parenthesis."""

CLOCKS = ("clk", "aclk")
RESETS = ("rst", "aresetn")


def switching(file: Path, graph: Graph) -> dict[str, float]:
    """Return the switching of each node's instance in a SAIF file, by node.

    Raises `StorageError` for a file that cannot be read, `SpecError` for one of another design.
    """
    names = {n.name for n in graph.nodes}
    bits, changes, cycles = dict.fromkeys(names, 0), dict.fromkeys(names, 0), 0
    for path, net, count in nets(file):
        if net in CLOCKS:
            cycles = max(cycles, (count + 1) // 2)
        elif net not in RESETS and (node := next((p for p in path if p in names), None)):
            varies = count > 1  # a bit that is 1 at first may count as changed
            bits[node] += varies
            changes[node] += count * varies
    missing = sorted(name for name in names if not bits[name])
    if missing or not cycles:
        what = f"{missing[0]} of {graph.name}" if missing else "a clock"
        raise SpecError(f"{file} must hold the switching of every node, and has none of {what}")
    return {name: changes[name] / (bits[name] * cycles) for name in sorted(names)}


def nets(file: Path) -> Iterator[tuple[list[str], str, int]]:
    """Yield the instances around each net of a file, outermost first, its name and changes."""
    scopes: list[str] = []
    open_at: list[int] = []
    depth = 0
    for token in _tokens(file):
        if token["instance"]:
            depth += 1
            scopes.append(token["instance"])
            open_at.append(depth)
        elif token["net"]:
            yield scopes, token["net"], int(token["changes"])
        elif token["open"]:
            depth += 1
        else:
            if open_at and open_at[-1] == depth:
                open_at.pop()
                scopes.pop()
            depth -= 1


def _tokens(file: Path) -> Iterator[re.Match[str]]:
    try:
        with open_file(file) as lines:
            for line in lines:
                yield from _TOKEN.finditer(line.decode("latin-1"))
    except OSError as error:
        raise StorageError(f"cannot read {file}: {error.strerror or error}") from error
