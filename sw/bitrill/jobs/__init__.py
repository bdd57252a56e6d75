"""Executors of many jobs: one after the other, in several processes, or on a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import SpecError
from .executor import SERIAL, Executor, InProcess, Job, Team
from .place import Place, marked

__all__ = ["SERIAL", "Executor", "InProcess", "Job", "Place", "Team", "marked", "open_executor"]


@contextmanager
def open_executor(jobs: int = 1, dask: str | None = None) -> Iterator[Executor]:
    """Yield the executor of ``jobs`` processes here, or of the cluster at ``dask``.

    With one job there is no process but this one; only ``dask`` needs dask.distributed.
    """
    if jobs < 1:
        raise SpecError(f"jobs must be at least 1, not {jobs}")
    if dask is not None and jobs > 1:
        raise SpecError("a dask cluster has workers of its own: give jobs or dask, not both")
    if dask is not None:
        from .cluster import connected

        with connected(dask) as cluster:
            yield cluster
    elif jobs == 1:
        yield SERIAL
    else:
        from .pool import Pool

        yield Pool(jobs)
