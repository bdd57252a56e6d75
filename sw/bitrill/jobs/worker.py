"""A worker process of `bitrill.jobs.processes`: ``python -m bitrill.jobs.worker``.

Messages are pickles behind their length. On stdin come ``(job, shared)``, then ``(number, item)``
for each item; on stdout go ``("progress", what, done, total)``, ``("done", number, result)`` and
``("error", number, exception)``. When stdin ends, so does the worker, whatever it is doing.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import sys
import threading
import time
import traceback
from typing import Any, BinaryIO, Protocol

from .. import processes
from .executor import Job, R, S, T

LENGTH = struct.Struct("<Q")

PROGRESS_SECONDS = 0.2
"""Least time between two messages about the same step."""


class Readable(Protocol):
    """A stream of bytes; ``read`` may return fewer than asked for."""

    def read(self, size: int, /) -> bytes | None: ...


def pack(message: object) -> bytes:
    """Return a message as it stands in the stream."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(data)) + data


def read(stream: Readable) -> Any:
    """Read a message; raises `EOFError` where the stream ends, in the middle of one too."""
    (size,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    return pickle.loads(_exactly(stream, size))


def _exactly(stream: Readable, size: int) -> bytes:
    parts = []
    while size:
        part = stream.read(size)  # of a pipe without a buffer, what there is
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def main() -> None:
    """Do jobs until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, lambda *_: processes.interrupt())
    inbox: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, inbox), daemon=True).start()
    try:
        job, shared = inbox.get()
        while True:
            number, item = inbox.get()
            answers.write(_answer(job, shared, number, item, answers))
            answers.flush()
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    finally:
        processes.stop_all()
        os._exit(1)  # the listener may hold stdin


def _listen(stream: BinaryIO, inbox: queue.SimpleQueue[tuple[Any, Any]]) -> None:
    """Hand messages on; end the process when there will be no more."""
    try:
        while True:
            inbox.put(read(stream))
    except EOFError:
        os.kill(os.getpid(), signal.SIGTERM)  # ends what the main thread does, and cleans up
    except Exception as error:  # a job that cannot be unpickled here
        inbox.put((_unreadable, error))
        inbox.put((0, None))


def _unreadable(error: Exception, item: object, progress: object) -> None:
    raise error


def _answer(job: Job[S, T, R], shared: S, number: int, item: T, answers: BinaryIO) -> bytes:
    last, when = "", 0.0

    def progress(what: str, done: int, total: int) -> None:
        nonlocal last, when
        now = time.monotonic()
        if what != last or now - when > PROGRESS_SECONDS:
            last, when = what, now
            answers.write(pack(("progress", what, done, total)))
            answers.flush()

    try:
        return pack(("done", number, job(shared, item, progress)))
    except Exception as error:
        error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        try:
            message = pack(("error", number, error))
            pickle.loads(message[LENGTH.size :])
        except Exception:  # an exception that cannot be pickled, or not be made again
            message = pack(("error", number, RuntimeError(f"{type(error).__name__}: {error}")))
        return message


if __name__ == "__main__":
    main()
