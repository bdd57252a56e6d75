"""The page of boards: its example is a valid board file, and its commands parse."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from bitrill.cli import parser
from bitrill_boards.board import load
from support import ROOT

TEXT = (ROOT / "docs" / "boards.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)


def commands() -> list[str]:
    lines = [line.partition("  #")[0] for block in blocks("sh") for line in block.splitlines()]
    spans = re.findall(r"`(bitrill (?:build|flash|drive|compile) [^`]*)`", TEXT)
    return [c for c in (*lines, *spans) if c.startswith("bitrill ")]


def test_the_example_is_a_board(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    path = tmp_path / "mine.toml"
    path.write_text(example)
    assert load(path).usable("lut") == int(24288 * 0.7)


def test_there_are_commands() -> None:
    assert len(commands()) >= 10


@pytest.mark.parametrize("command", commands())
def test_a_command_parses(command: str) -> None:
    words = shlex.split(command.replace(" ...", ""))[1:]
    assert parser.parse(words).verb == words[0]
