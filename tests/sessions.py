"""Runs the commands of a page, and looks for what the page shows of their output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from support import HANG_SECONDS


def session(text: str) -> list[tuple[str, list[str]]]:
    """The commands of all console blocks, each with the lines that it shows."""
    steps: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        typed = False  # whether the lines are a file that the command reads
        for line in textwrap.dedent(block).rstrip(" ").splitlines():
            if typed:
                steps[-1] = (f"{steps[-1][0]}\n{line}", [])
                typed = line != "END"
            elif line.startswith("$ "):
                steps.append((line[2:], []))
                typed = line.endswith("<<'END'")
            else:
                steps[-1][1].append(line)
    return steps


def shape(line: str) -> str:
    """The line without figures, spaces and ruled lines."""
    return re.sub(r"[-\s]+", " ", re.sub(r"\d[\d,.]*", "#", line)).strip()


def shows(output: str, expected: list[str]) -> str | None:
    """The first expected line that the output does not have in its turn."""
    lines = iter(map(shape, output.splitlines()))
    for line in expected:
        if line != "..." and shape(line) not in lines:
            return line
    return None


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a shell in a folder, with this interpreter's programs."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
