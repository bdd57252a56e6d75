"""Exports a core, and runs its testbench in Icarus Verilog or Verilator."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from bitrill import flow
from support import HANG_SECONDS, need_tool


def run(words: list[str], folder: Path, **environment: str) -> str:
    """Return what a program prints; it must end with 0."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def export(build: flow.BuildLike, folder: Path, **options: Any) -> Path:
    """Return the folder of a core."""
    return flow.export_ip(build, out=folder, **options).folder


def icarus(*cores: Path, top: str, sources: tuple[Path, ...] = (), plus: str = "") -> str:
    """Return what a simulation in the first core's ``tb`` prints; all their files are compiled."""
    place = cores[0] / "tb"
    files = [f for c in cores for f in (*sorted(c.glob("rtl/*.v")), *sorted(c.glob("tb/*.v")))]
    program = place.parent / f"{top}.vvp"
    words = [need_tool("iverilog"), "-g2005", "-Wall", "-Wno-timescale", "-s", top]
    words += ["-o", str(program), *map(str, (*files, *sources))]
    made = subprocess.run(words, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    return simulated(program, place, plus)


def simulated(program: Path, place: Path, plus: str = "") -> str:
    """Return what a compiled simulation prints."""
    words = [need_tool("vvp"), "-N", str(program), *plus.split()]
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=HANG_SECONDS)
    return done.stdout


def times(printed: str) -> tuple[int, int]:
    """Return latency and last interval of a bench that passed."""
    found = re.search(r"PASS \d+ frames: latency (\d+), last interval (\d+) cycles", printed)
    assert found, printed
    return int(found[1]), int(found[2])
