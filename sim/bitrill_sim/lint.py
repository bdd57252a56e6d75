"""Verilator's lint of a design: all warnings except those that generated code always has."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bitrill.errors import ToolError
from bitrill.processes import start, stop

from .tools import verilator


@dataclass(frozen=True)
class Waiver:
    """A harmless warning: its code, a pattern of its message, and the reason."""

    code: str
    form: str
    reason: str

    def covers(self, code: str, message: str) -> bool:
        """Return whether a warning has this code and pattern."""
        return code == self.code and re.search(self.form, message) is not None


WAIVERS = (
    Waiver("DECLFILENAME", "", "all modules of a design are in one file"),
    Waiver(
        "UNUSEDSIGNAL",
        "",
        "all signals of a module are declared, and a sum keeps"
        " its carry even if the widths prove that it is 0",
    ),
    Waiver(
        "PROCASSINIT",
        "",
        "the reset value of Amaranth's registers is also their initial value, which FPGAs load",
    ),
    Waiver(
        "WIDTHEXPAND",
        r"^Operator \w+ expects \d+ bits on the",
        "Verilog extends the narrower operand by its sign as Amaranth does; results are not cut",
    ),
    Waiver(
        "WIDTHTRUNC",
        "^Logical operator (LOGNOT|COND) expects 1 bit",
        "the text of a cell tests whether a number is 0",
    ),
    Waiver(
        "CASEINCOMPLETE",
        "",
        "Amaranth assigns each value of a process before its case, so that there is no latch",
    ),
    Waiver("UNUSEDPARAM", "", "an adder's cell has parameters for all forms of its chain"),
    Waiver(
        "UNSIGNED",
        "",
        "the code checks bounds for all types alike, even those that a type cannot exceed",
    ),
    Waiver(
        "CMPCONST",
        "",
        "the code checks bounds for all types alike, even those that a type cannot exceed",
    ),
)
"""Warnings that are accepted, with the reasons."""

_WARNING = re.compile(r"^%(?:Warning|Error)(?:-(\w+))?: (?:\S+:\d+:\d+: )?(.*)$", re.MULTILINE)


def lint(sources: Sequence[Path], *, top: str = "top") -> list[str]:
    """Return Verilator's warnings and errors about a design, without those that are waived."""
    tool = verilator()
    command = [str(tool.program), "--lint-only", "-Wall", "--top-module", top, *map(str, sources)]
    environment = {**os.environ, "VERILATOR_ROOT": str(tool.root)}
    process = start(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        messages = process.communicate()[1].decode(errors="replace")
    finally:
        stop(process)
    warnings = [(code, text) for code, text in _WARNING.findall(messages) if code or ":" in text]
    if process.returncode and not warnings:
        raise ToolError(f"verilator failed: {messages.strip()[-300:]}")
    return [
        f"{code or 'error'}: {text}"
        for code, text in warnings
        if not any(w.covers(code, text) for w in WAIVERS)
    ]
