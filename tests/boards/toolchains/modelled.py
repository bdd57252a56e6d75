"""A model of Vivado for tests: the script ``vivado_model.tcl``, by itself or as ``vivado``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from bitrill.flow import Build
from bitrill_boards import board as boards
from bitrill_boards.families.zynq import families
from bitrill_boards.project import Project
from bitrill_boards.toolchains.vivado_run import command
from support import HANG_SECONDS, need_tool

MODEL = Path(__file__).with_name("vivado_model.tcl")
ZYNQ = tuple(b.name for b in boards.every() if b.zynq)

PARTS = (
    "xc7z010clg400-1",
    "xc7z020clg400-1",
    "xc7z020clg484-1",
    "xc7z045ffg900-2",
    "xczu3eg-sbva484-1-i",
    "xczu7ev-ffvc1156-2-e",
    "xck26-sfvc784-2LV-c",
)
"""As Vivado spells them."""


def board_files(*, installed: tuple[str, ...] = ZYNQ) -> tuple[str, ...]:
    """Vivado's board files, three versions of each; the newest is not last by alphabet."""
    names = (p for b in installed for p in boards.find(b).presets[:1])
    return tuple(f"{n}:part0:1.{v}" for n in names for v in (9, 10, 0))


def project(build: Build, name: str, folder: Path, **changes: object) -> Project:
    """A build on its way to a board, at the clock that the board makes."""
    board = boards.find(name)
    clock = families()[board.family].below(board, Fraction(board.clock_mhz)).mhz
    values = {"toolchain": "vivado", "clock_mhz": clock} | changes
    return Project(board, build.graph, build.predicted, build.verilog, folder, **values)  # pyright: ignore


def write(project: Project, files: Mapping[str, str]) -> Path:
    """Write a project's files and its ``top.v`` into its folder."""
    project.folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (project.folder / name).write_text(text)
    (project.folder / "top.v").write_bytes(project.verilog.read_bytes())
    return project.folder


def install(folder: Path) -> Path:
    """Make a folder for PATH in which the model is ``vivado``."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "vivado"
    program.write_text(f'#!/bin/sh\nexec "{need_tool("tclsh")}" "{MODEL}" "$@"\n')
    program.chmod(0o755)
    return folder


@dataclass(frozen=True)
class Ended:
    """A run of the model: exit code, what it printed, facts of the design that it saw."""

    code: int
    output: str
    facts: tuple[str, ...]

    def fact(self, kind: str) -> list[str]:
        return [f.removeprefix(f"{kind} ") for f in self.facts if f.startswith(f"{kind} ")]

    @property
    def error(self) -> str:
        """The script's message about its end."""
        told = [k for k in self.output.splitlines() if k.startswith("BITRILL ERROR ")]
        return told[-1].removeprefix("BITRILL ERROR ") if told else ""


def environment(**pretended: object) -> dict[str, str]:
    """The model's environment: all parts and board files, with changes."""
    model = {"PARTS": " ".join(PARTS), "BOARDS": " ".join(board_files())}
    model |= {key.upper(): str(value) for key, value in pretended.items()}
    return {f"MODEL_{key}": value for key, value in model.items()}


def run(folder: Path, *tclargs: str, **pretended: object) -> Ended:
    """Run ``build.tcl`` of a folder in the model."""
    trace = folder.parent / f"{folder.name}.trace"
    trace.unlink(missing_ok=True)
    env = {k: v for k, v in os.environ.items() if k != "BITRILL_PART_ONLY"}
    env |= environment(trace=trace, **pretended)
    words = [need_tool("tclsh"), str(MODEL), *command("build.tcl")[1:]]
    words += ["-tclargs", *tclargs] if tclargs else []
    done = subprocess.run(
        words, cwd=folder, env=env, capture_output=True, text=True, timeout=HANG_SECONDS
    )
    facts = trace.read_text().splitlines() if trace.is_file() else []
    return Ended(done.returncode, done.stdout + done.stderr, tuple(facts))
