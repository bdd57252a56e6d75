"""What an executor is, and the one that does jobs here, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias, TypeVar

from ..progress import Progress

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

Job: TypeAlias = Callable[[S, T, Progress], R]
"""Function of a module that does one item: ``(shared, item, progress) -> result``.

``shared`` is the same for all items. Arguments and results can be pickled.
"""


class Executor(Protocol):
    """Does the items of a list, here or elsewhere, in any order."""

    @property
    def workers(self) -> int:
        """Items that are done at once, at least 1."""
        ...

    def run(
        self, job: Job[S, T, R], shared: S, items: Sequence[T], progress: Progress
    ) -> Iterator[tuple[int, R]]:
        """Yield ``(number of the item, result)`` as results come; an error of a job is raised.

        Whoever stops asking stops what still runs.
        """
        ...


class Serial:
    """Does the items in this process, in their order."""

    workers = 1

    def run(
        self, job: Job[S, T, R], shared: S, items: Sequence[T], progress: Progress
    ) -> Iterator[tuple[int, R]]:
        for k, item in enumerate(items):
            yield k, job(shared, item, progress)


SERIAL = Serial()
