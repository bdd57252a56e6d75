"""Turns tables into text: plain and complete for files and pipes, laid out by rich on a terminal.

If a table is wider than the terminal, its columns are spread over several tables, each with the
first column; cells that are still too wide are wrapped. Nothing is ever cut off.
"""

import io
import sys
from collections.abc import Sequence

from ..flow.result import TextTable

GAP = 2
"""Spaces between two columns."""


def text(table: TextTable) -> str:
    """Return a table as text for stdout: fitted to a terminal, else plain."""
    if sys.stdout.isatty():
        try:
            from rich.console import Console
        except ImportError:
            return plain(table)
        return fitted(table, Console().width)
    return plain(table)


def plain(table: TextTable) -> str:
    """Return a table with aligned columns, however wide that gets."""
    widths = _widths(table)  # the first `table.texts` columns hold text, the others numbers
    rule = ["-" * width for width in widths]
    return "\n".join(
        (" " * GAP)
        .join(
            cell.ljust(width) if k < table.texts else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        .rstrip()
        for line in (table.head, rule, *table.rows)
    )


def fitted(table: TextTable, width: int) -> str:
    """Return a table laid out by rich, at most ``width`` characters wide."""
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    console = Console(file=io.StringIO(), width=width, color_system=None)
    blocks = []
    for block in _blocks(table, width):
        grid = Grid(box=None, padding=(0, GAP, 0, 0), show_header=False)
        widths = _widths(block)
        for k in range(len(block.head)):
            justify = "left" if k < block.texts else "right"
            grid.add_column(justify=justify, overflow="fold", max_width=max(1, width // 2))
        for line in (block.head, ["-" * n for n in widths], *block.rows):
            grid.add_row(*map(Text, line))
        with console.capture() as captured:
            console.print(grid)
        blocks.append("\n".join(line.rstrip() for line in captured.get().splitlines()))
    return "\n\n".join(blocks)


def _blocks(table: TextTable, width: int) -> list[TextTable]:
    """Spread the columns over tables that fit, each of which begins with the first column."""
    widths = _widths(table)
    groups: list[list[int]] = [[0]]
    for k in range(1, len(widths)):
        taken = sum(widths[i] + GAP for i in [*groups[-1], k])
        if len(groups[-1]) > 1 and taken > width:
            groups.append([0])
        groups[-1].append(k)
    return [
        TextTable(
            _pick(table.head, group),
            tuple(_pick(row, group) for row in table.rows),
            sum(k < table.texts for k in group),
        )
        for group in groups
    ]


def _pick(cells: Sequence[str], columns: Sequence[int]) -> tuple[str, ...]:
    return tuple(cells[k] for k in columns)


def _widths(table: TextTable) -> list[int]:
    return [max(map(len, column)) for column in zip(table.head, *table.rows, strict=True)]
