"""Base class of the verbs' results: JSON for scripts, a summary, tables for notebooks.

Every function of `bitrill.flow` returns a frozen dataclass derived from `Result`, so that the
command line, a notebook and a script show the same figures.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import TypeAlias

Json: TypeAlias = dict[str, object]
"""A JSON object, as `json.dumps` accepts it."""


@dataclass(frozen=True)
class TextTable:
    """Rows of text under a head; the first ``texts`` columns are words, the others figures."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1

    @staticmethod
    def of(head: Sequence[str], rows: Iterable[Sequence[object]], texts: int = 1) -> TextTable:
        """Return a table of any values, each written with `str`."""
        return TextTable(tuple(head), tuple(tuple(map(str, row)) for row in rows), texts)

    @staticmethod
    def of_texts(head: Sequence[str], rows: Iterable[Sequence[object]]) -> TextTable:
        """Return a table in which all columns are words."""
        return TextTable.of(head, rows, texts=len(head))

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """Return an HTML table, words on the left and figures on the right; all is escaped."""
        head = "".join(self._cells("th", self.head))
        body = "".join(f"<tr>{''.join(self._cells('td', row))}</tr>" for row in self.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _cells(self, tag: str, row: Sequence[str]) -> Iterator[str]:
        for k, cell in enumerate(row):
            side = "left" if k < self.texts else "right"
            yield f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>'


class Result(ABC):
    """Result of a verb. Subclasses are frozen dataclasses with ``repr=False``."""

    @property
    def ok(self) -> bool:
        """Whether the verb succeeded; False makes the command line exit with an error code."""
        return True

    @abstractmethod
    def to_json(self) -> Json:
        """Return the object that the verb prints with ``--json``."""

    @abstractmethod
    def summary(self) -> dict[str, object]:
        """Return the few most important figures, by name."""

    def tables(self) -> tuple[TextTable, ...]:
        """Return the tables that the verb prints."""
        return ()

    def __repr__(self) -> str:
        figures = ", ".join(f"{name}: {value}" for name, value in self.summary().items())
        return f"<{type(self).__name__} {figures}>"

    def _repr_html_(self) -> str:
        """Show the summary and the tables in a notebook."""
        summary = TextTable.of_texts((type(self).__name__, ""), self.summary().items())
        return "".join(table.to_html() for table in (summary, *self.tables()))


def exact_number(value: Fraction) -> int | str:
    """Return an exact fraction for JSON: an integer, or ``"p/q"``."""
    return value.numerator if value.denominator == 1 else str(value)
