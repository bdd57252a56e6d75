"""The executor of `--jobs N`: worker processes on this computer, which talk over pipes alone.

A worker that dies is replaced, and its item is done by another. No worker is left behind: they end
when they are no longer asked, and by themselves when this process ends in whatever way.
"""

from __future__ import annotations

import io
import logging
import os
import selectors
import signal
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Generic

from .. import processes
from ..errors import ToolError
from ..progress import Progress, silent
from .executor import Executor, Job, R, S, T, Team
from .worker import pack, read

LOG = logging.getLogger("bitrill.jobs")

MOST_DEATHS = 3
"""Workers that may die of one item before it is given up."""

PATIENCE_SECONDS = 10.0
"""Seconds that a worker has to stop its programs and remove its files."""


class _Worker:
    """One process; ``item``: the number of the item that it does, None if it waits for one.

    ``useful``: it has done one.
    """

    def __init__(self) -> None:
        path = os.pathsep.join(p for p in sys.path if p)
        # N workers share the cores already
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self.process = processes.start(
            [sys.executable, "-m", "bitrill.jobs.worker"],
            env={**threads, **os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=2,
        )
        self.item: int | None = None
        self.useful = False
        # unbuffered: what lies in a buffer does not wake a selector
        self.answers = io.FileIO(os.dup(self.process.stdout.fileno()), "rb")  # pyright: ignore

    def send(self, data: bytes) -> None:
        """Write a message; that a worker has died is seen where its answer is read."""
        pipe = self.process.stdin
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.write(data)
                pipe.flush()

    def end(self) -> int:
        """Stop the process and what it started; return its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE_SECONDS)
        processes.stop(self.process)
        for pipe in (self.process.stdin, self.process.stdout, self.answers):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
        return self.process.returncode


class Pool(Executor):
    """Does items in ``count`` processes at once."""

    def __init__(self, count: int):
        self.count = count

    @property
    def workers(self) -> int:
        return self.count

    @contextmanager
    def team(self, job: Job[S, T, R], shared: S) -> Iterator[Team[T, R]]:
        team: _Team[T, R] = _Team(pack((job, shared)), self.count)
        try:
            yield team
        finally:
            team.end()
            team.selector.close()


class _Team(Generic[T, R]):
    """Worker processes; ``head``: the message with the job and what its items share."""

    def __init__(self, head: bytes, most: int):
        self.head, self.most = head, most
        self.items: Sequence[T] = ()
        self.progress: Progress = silent
        self.waiting: deque[int] = deque()
        self.deaths: Counter[int] = Counter()
        self.selector = selectors.DefaultSelector()
        self.workers: list[_Worker] = []

    def run(self, items: Sequence[T], progress: Progress) -> Iterator[tuple[int, R]]:
        self.items, self.progress = items, progress
        self.waiting, self.deaths = deque(range(len(items))), Counter()
        try:
            for worker in self.workers:
                self._next(worker)
            self.start(min(self.most, len(items)) - len(self.workers))
            yield from self.results()
        finally:
            if any(worker.item is not None for worker in self.workers):
                self.end()

    def start(self, n: int) -> None:
        """Start workers, all of them before the first is waited for."""
        new = []
        for _ in range(n):
            new.append(_Worker())
            self.workers.append(new[-1])
        for worker in new:
            self.selector.register(worker.answers, selectors.EVENT_READ, worker)
            worker.send(self.head)
            self._next(worker)

    def results(self) -> Iterator[tuple[int, R]]:
        """Yield results until every item is done."""
        missing = len(self.items)
        while missing:
            for key, _ in self.selector.select():
                answer = self._read(key.data)
                if answer is not None:
                    missing -= 1
                    self._next(key.data)
                    yield answer

    def end(self) -> None:
        """Stop the workers, all of them before the first is waited for."""
        for worker in self.workers:
            with suppress(ProcessLookupError):
                worker.process.send_signal(signal.SIGTERM)
        for worker in self.workers:
            self.selector.unregister(worker.answers)
            worker.end()
        self.workers = []

    def _next(self, worker: _Worker) -> None:
        worker.item = self.waiting.popleft() if self.waiting else None
        if worker.item is not None:
            worker.send(pack((worker.item, self.items[worker.item])))

    def _read(self, worker: _Worker) -> tuple[int, R] | None:
        """Read one message; return the number and the result of an item that is done."""
        try:
            kind, *values = read(worker.answers)
        except (EOFError, OSError):
            self._died(worker)
            return None
        if kind == "progress":
            self.progress(*values)
            return None
        number, value = values
        worker.useful = True
        if kind == "error":
            raise value
        return number, value

    def _died(self, worker: _Worker) -> None:
        """Give a dead worker's item back, and start another worker; raises `ToolError`."""
        self.selector.unregister(worker.answers)
        self.workers.remove(worker)
        how, item = _how(worker.end()), worker.item
        if item is None and worker.useful:  # it waited since an earlier list
            self.start(1 if self.waiting else 0)
            return
        if item is None:
            if not self.waiting and any(w.item is not None for w in self.workers):
                return
            raise ToolError(f"a worker process {how} before it was given anything to do")
        self.deaths[item] += 1
        what = self.items[item]
        if self.deaths[item] == MOST_DEATHS:
            raise ToolError(
                f"{what}: {MOST_DEATHS} worker processes ended, the last one {how}; if memory is"
                " short, fewer jobs at once take less"
            )
        LOG.warning("%s: a worker process %s; another one does its work", what, how)
        self.waiting.appendleft(item)
        self.start(1)


def _how(code: int) -> str:
    """Say how a process ended."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
