"""What an executor is, and the one that does jobs here, one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from ..progress import Progress

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

Job: TypeAlias = Callable[[S, T, Progress], R]
"""Function of a module that does one item: ``(shared, item, progress) -> result``.

``shared`` is the same for all items. Arguments and results can be pickled.
"""


class Team(Protocol[T_contra, R_co]):
    """Workers that know a job and what its items share, and may be given several lists of items."""

    def run(self, items: Sequence[T_contra], progress: Progress) -> Iterator[tuple[int, R_co]]:
        """Yield ``(number of the item, result)`` as results come; an error of a job is raised.

        Whoever stops asking stops what still runs.
        """
        ...


class Executor(ABC):
    """Does the items of lists, here or elsewhere, in any order."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """Items that are done at once, at least 1."""

    @abstractmethod
    def team(self, job: Job[S, T, R], shared: S) -> AbstractContextManager[Team[T, R]]:
        """Return workers that ``shared`` travels to once; behind the context they are gone."""

    def run(
        self, job: Job[S, T, R], shared: S, items: Sequence[T], progress: Progress
    ) -> Iterator[tuple[int, R]]:
        """Yield the results of one list of items; see `Team.run`."""
        with self.team(job, shared) as team:
            yield from team.run(items, progress)


@dataclass(frozen=True)
class _Here(Generic[S, T, R]):
    job: Job[S, T, R]
    shared: S

    def run(self, items: Sequence[T], progress: Progress) -> Iterator[tuple[int, R]]:
        for k, item in enumerate(items):
            yield k, self.job(self.shared, item, progress)


class InProcess(Executor):
    """Does the items in this process, in their order."""

    @property
    def workers(self) -> int:
        return 1

    @contextmanager
    def team(self, job: Job[S, T, R], shared: S) -> Iterator[Team[T, R]]:
        yield _Here(job, shared)


SERIAL = InProcess()
