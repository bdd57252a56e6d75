"""Jobs for the executors' tests; workers import them by name."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from bitrill import processes
from bitrill.errors import ToolError
from bitrill.progress import Progress


def scaled(shared: int, item: int, progress: Progress) -> int:
    progress(f"scaling {item}", 0, 1)
    return shared * item


def who(shared: None, item: int, progress: Progress) -> int:
    time.sleep(0.05)
    return os.getpid()


def dies_once(shared: str, item: int, progress: Progress) -> int:
    """Item 2 kills the first process that does it."""
    mark = Path(shared) / "died"
    if item == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def dies_always(shared: None, item: int, progress: Progress) -> int:
    if item == 1:
        os._exit(7)
    return item


def refuses(shared: None, item: int, progress: Progress) -> int:
    raise ToolError("the tool failed", missing=True, tool="t")


def fails(shared: None, item: int, progress: Progress) -> int:
    if item == 1:
        return refuses(shared, item, progress)
    time.sleep(600)
    return item


class OddError(Exception):
    """An exception that cannot be made again of its arguments."""

    def __init__(self, a: int, b: int):
        super().__init__(f"{a} and {b}")


def odd(shared: None, item: int, progress: Progress) -> int:
    raise OddError(1, 2)


def sleeps(shared: str, item: int, progress: Progress) -> int:
    """Note this process and one that it starts, and wait for that for ever."""
    child = processes.start(
        [sys.executable, "-c", "import time; time.sleep(600)"], stdout=1, stderr=2
    )
    try:
        name = Path(shared) / f"{item}"
        name.with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
        name.with_suffix(".new").rename(name)
        child.wait()
    finally:
        processes.stop(child)
        (Path(shared) / f"{item}.clean").touch()
    return item
