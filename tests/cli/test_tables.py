"""Tables: aligned and whole in a pipe, fitting on a terminal."""

from __future__ import annotations

import sys

import pytest
from bitrill import flow
from bitrill.cli import printed_tables
from bitrill.flow.result import TextTable

SMALL = TextTable.of(("a", "bb"), [("xyz", 1), ("x", 222)])


def every_table(model, compiled: flow.Compiled) -> list[TextTable]:
    """Tables of words and of figures, narrow and wide."""
    results = (flow.inspect(model), compiled, flow.boards(compiled.build), flow.doctor())
    return [table for result in results for table in result.tables()]


def words(table: TextTable) -> set[str]:
    return {word for row in (table.head, *table.rows) for cell in row for word in cell.split()}


def test_a_table_is_aligned() -> None:
    assert printed_tables.plain(SMALL) == "a     bb\n---  ---\nxyz    1\nx    222"
    assert printed_tables.fitted(SMALL, 80) == printed_tables.plain(SMALL)
    words = TextTable.of_texts(("a", "bb"), [("xyz", 1), ("x", 222)])
    assert printed_tables.plain(words) == "a    bb\n---  ---\nxyz  1\nx    222"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_table_fits_a_terminal_and_loses_nothing(width, small_model, small_compiled) -> None:
    for table in every_table(small_model, small_compiled):
        text = printed_tables.fitted(table, width)
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text
        folded = "".join(text.split())
        for word in words(table):
            # a word that is longer than its column is broken at the column's edge
            assert word in folded or len(word) > width // 4, word


def test_columns_that_do_not_fit_go_into_a_table_below() -> None:
    table = TextTable.of(("node", "aaaa", "bbbb", "cccc"), [("fc0", 1, 2, 3), ("fc1", 4, 5, 6)])
    assert printed_tables.fitted(table, 18) == (
        "node  aaaa  bbbb\n----  ----  ----\nfc0      1     2\nfc1      4     5\n\n"
        "node  cccc\n----  ----\nfc0      3\nfc1      6"
    )


def test_a_table_is_whole_where_there_is_no_terminal(small_model, small_compiled, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    for table in every_table(small_model, small_compiled):
        assert printed_tables.text(table) == printed_tables.plain(table)


@pytest.mark.parametrize("rich", [True, False])
def test_a_terminal_without_rich_gets_whole_tables(rich: bool, monkeypatch) -> None:
    table = TextTable.of(("node", *"abcdefghij"), [("fc0", *range(10))])
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "20")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    if not rich:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    assert (printed_tables.text(table) == printed_tables.plain(table)) is not rich
