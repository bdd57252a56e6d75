"""What tests share: the repository's root, data that lies outside it, tools that may be missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

TOOL_MISSING = "tool missing: "
"""How the reason of a skip begins that counts as a failure where CI is set."""


def shared_data() -> Path:
    """The folder of MNIST and Fashion-MNIST; skips the test where there is none."""
    return _shared("BITRILL_DATA", "data")


def shared_model(name: str) -> Path:
    """A model made elsewhere, by file name; skips the test where it is absent."""
    path = _shared("BITRILL_MODELS", "models") / name
    if not path.is_file():
        pytest.skip(f"no model {name} (set BITRILL_MODELS to its folder)")
    return path


def need_tool(name: str, how: str = "") -> str:
    """Path of a program that the suite counts on; its absence fails the test where CI is set."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{TOOL_MISSING}{name} {how}".strip())
    return found


def optional_tool(name: str) -> str:
    """Path of a program that adds a second opinion; the test is skipped without it, CI or not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; it only adds a second opinion")
    return found


def _shared(variable: str, folder: str) -> Path:
    path = Path(os.environ.get(variable) or ROOT.parent / "shared" / folder)
    if not path.is_dir():
        pytest.skip(f"no folder {folder} beside the repository (set {variable})")
    return path
