"""A build, a fake toolchain, a fake loader and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bitrill import flow
from bitrill.cli import main
from bitrill_boards import toolchains
from bitrill_boards.flash import Loaded
from boards.fakes import FakeToolchain
from boards.verbs.helpers import Run


@pytest.fixture
def model(small_model: Path) -> Path:
    return small_model


@pytest.fixture
def build(small_compiled: flow.Compiled) -> flow.Build:
    """A build in whose folder no test may write."""
    return small_compiled.build


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> FakeToolchain:
    found = FakeToolchain()
    monkeypatch.setattr(toolchains, "load", lambda name: found)
    return found


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(a) for a in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A fake loader; gives the bitstreams that it was asked to load."""
    asked: list[dict[str, Any]] = []

    def flash(told: dict[str, Any], bitstream: Path, **options: Any) -> Loaded:
        asked.append({"board": told["board"], "bitstream": bitstream.read_bytes(), **options})
        return Loaded(told["board"], bitstream.name, 0x41113043, 1.25, False)

    monkeypatch.setattr("bitrill_boards.flash.flash", flash)
    return asked
