"""The executor of `--dask ADDRESS`: the workers of a dask.distributed cluster.

Workers run whatever they are sent, by anybody who reaches the scheduler: a cluster listens on
127.0.0.1 alone, or encrypts and asks for certificates (``tls://``).
"""

from __future__ import annotations

import ipaddress
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import SpecError, ToolError
from ..progress import Progress, silent
from .executor import Executor, Job, R, S, T, Team

if TYPE_CHECKING:
    from distributed import Client, Future

LOG = logging.getLogger("bitrill.jobs")

ANSWER_SECONDS = 10
"""Seconds in which a scheduler must answer, and have a worker."""

_ADDRESS = re.compile(r"(tcp|tls)://.+:\d+")


class Cluster(Executor):
    """Does items on the workers of a cluster, as many at once as these have threads."""

    def __init__(self, client: Any, address: str):
        self.client, self.address = client, address

    @property
    def workers(self) -> int:
        return max(1, sum(self.client.nthreads().values()))

    @contextmanager
    def team(self, job: Job[S, T, R], shared: S) -> Iterator[Team[T, R]]:
        # `shared` is a task of its own, not scattered data: it is made again where its worker dies
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            common = self.client.submit(_same, shared, pure=False)
        try:
            yield _ClusterTeam(self.client, self.address, job, common)
        finally:
            with suppress(Exception):  # the scheduler may be gone
                self.client.cancel([common], force=True)


class _ClusterTeam:
    """Tasks on a cluster; ``common``: the task whose result all of them share."""

    def __init__(self, client: Any, address: str, job: Any, common: Any):
        self.client, self.address, self.job, self.common = client, address, job, common

    def run(self, items: Sequence[Any], progress: Progress) -> Iterator[tuple[int, Any]]:
        from distributed import as_completed

        numbers = {
            self.client.submit(_call, self.job, self.common, item, pure=False, retries=0): k
            for k, item in enumerate(items)
        }
        try:
            for future in as_completed(list(numbers), loop=self.client.loop):
                k = numbers.pop(future)
                yield k, self._result(future, items[k])
        finally:
            with suppress(Exception):  # the scheduler may be gone
                self.client.cancel([*numbers], force=True)

    def _result(self, future: Future, item: object) -> Any:
        """Return a task's result; what the cluster did wrong becomes a `ToolError`."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        try:
            return future.result()
        except KilledWorker as error:
            raise ToolError(
                f"{item}: the workers that did it died, one after the other; see the log of"
                f" {error.last_worker.address}"
            ) from error
        except FutureCancelledError as error:
            raise ToolError(f"the dask scheduler at {self.address} is gone") from error
        except (ImportError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "deserialization" not in str(error):
                raise
            raise ToolError(
                f"the dask scheduler at {self.address} and its workers must have the same packages"
                f" as this process, and cannot read what it sends: {_first_line(error)}"
            ) from error


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to a scheduler; raises `SpecError` for no address, `ToolError` for no answer."""
    if not _ADDRESS.fullmatch(address):
        raise SpecError(
            f"dask must be a scheduler's address, such as tcp://127.0.0.1:8786, not {address!r}"
        )
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ToolError(
            f"dask needs {error.name}, which is not installed: pip install 'bitrill[dask]'",
            missing=True,
            package=error.name,
        ) from error
    if address.startswith("tcp:") and not _here(address):
        LOG.warning(
            "%s is on another computer and not encrypted: whoever reaches it can run anything on"
            " its workers; see tls:// in docs/usage.md",
            address,
        )
    with _quiet():
        client = _client(Client, address)
        try:
            yield Cluster(client, address)
        finally:
            client.close(timeout=1)


def _client(make: type[Client], address: str) -> Client:
    """Return a client of a scheduler that has a worker."""
    try:
        client = make(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise ToolError(
            f"no dask scheduler answers at {address} ({_first_line(error)}); start one with"
            " dask scheduler --host 127.0.0.1"
        ) from error
    try:
        client.wait_for_workers(1, timeout=ANSWER_SECONDS)
    except TimeoutError as error:
        client.close(timeout=1)
        raise ToolError(
            f"the dask scheduler at {address} has no worker; start one with"
            f" dask worker {address} --nthreads 1"
        ) from error
    return client


def _first_line(error: Exception) -> str:
    cause = error.__cause__ or error
    return (str(cause).splitlines() or [type(cause).__name__])[0]


def _here(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the cluster's own log, whose traces stand between a command's lines."""
    log = logging.getLogger("distributed")
    former = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(former)


def _same(shared: S) -> S:
    return shared


def _call(job: Job[S, T, R], shared: S, item: T) -> R:
    return job(shared, item, silent)
