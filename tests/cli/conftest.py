"""The command line, and a small network to run it on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bitrill import cli, flow

Run = Callable[..., tuple[int, str, str]]
"""Runs a command: ``(exit code, stdout, stderr)``."""


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = cli.main([str(a) for a in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def model(small_model: Path) -> Path:
    return small_model


@pytest.fixture
def build(small_compiled: flow.Compiled) -> Path:
    """A build that no test may change."""
    return small_compiled.build.folder
