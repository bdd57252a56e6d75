"""Every command of the README runs, and prints what the README shows.

Figures may differ (times, another processor's training), so numbers are compared by their place
only; ``...`` stands for any lines.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from sessions import run, session, shows
from support import ROOT

TEXT = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readme")
    (path / "examples").symlink_to(ROOT / "examples")
    return path


def recipe(target: str) -> str:
    """The last command of a Makefile target, with this interpreter."""
    makefile = (ROOT / "Makefile").read_text()
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert found, f"the Makefile has no target {target}"
    command = found[1].strip().splitlines()[-1].strip().lstrip("@")
    return command.replace("$(BIN)/python", sys.executable)


QUICK = {"demo": " --epochs 4"}
"""Beyond the recipe, so that its figures alone change."""


def test_the_readme_session_runs_as_shown(folder: Path) -> None:
    steps = session(TEXT)
    assert len(steps) >= 5
    for command, expected in steps:
        real = command
        if command.startswith("make "):
            target = command.split()[1]
            real = recipe(target) + QUICK.get(target, "")
        done = run(real, folder)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        missing = shows(done.stdout, expected)
        assert missing is None, f"{command} does not print {missing!r}, but\n{done.stdout}"


def test_every_make_target_that_is_named_exists() -> None:
    for target in set(re.findall(r"`make (\w+)`", TEXT)):
        assert recipe(target)


def test_every_flag_that_is_named_exists() -> None:
    from bitrill.cli import parser

    known = {o for p in parser.parsers()[1].values() for o in p._option_string_actions}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT))
    assert named - known == set()


def test_every_link_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_a_line_that_is_not_printed_is_found() -> None:
    assert shows("a 1\nb  2.5", ["a 7", "b 9"]) is None
    assert shows("a 1\nb 2", ["...", "b 9"]) is None
    assert shows("b 2\na 1", ["a 1", "b 2"]) == "b 2"
    assert shows("a 1", ["c 1"]) == "c 1"


def test_commands_are_read_with_what_they_show() -> None:
    text = "```console\n$ a\nb\n$ c\n```\n```sh\n$ d\n```\n"
    assert session(text) == [("a", ["b"]), ("c", [])]
    assert session("1. x\n\n   ```console\n   $ a\n   b\n   ```\n") == [("a", ["b"])]
    typed = "```console\n$ cat > f <<'END'\n$ x\nEND\ny\n```\n"
    assert session(typed) == [("cat > f <<'END'\n$ x\nEND", ["y"])]
