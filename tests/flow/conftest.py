"""The small network, whole and as a copy to damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bitrill import flow


@pytest.fixture
def model(small_model: Path) -> Path:
    return small_model


@pytest.fixture
def whole(small_compiled: flow.Compiled) -> flow.Compiled:
    return small_compiled


@pytest.fixture
def build(small_compiled: flow.Compiled, tmp_path: Path) -> Path:
    """A copy of a build, to damage."""
    return Path(shutil.copytree(small_compiled.build.folder, tmp_path / "b"))
