"""Hooks of pytest that let a long run be interrupted and go on: `pytest --resume=FILE`.

The file holds one JSON object a line: the digest of the sources, then each test that passed or was
skipped, with its seconds. A later run leaves these out, if the sources are still the same.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from support import ROOT

SOURCES = ("sw", "hw", "sim", "boards", "tests", "examples", "benchmarks", "constraints.txt")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--resume`."""
    parser.addoption(
        "--resume",
        type=Path,
        metavar="FILE",
        help="leave out the tests that FILE lists as done on these sources, and add to it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read what is done; a worker of xdist is told it by the process that started it."""
    file: Path | None = config.getoption("--resume")
    if not file:
        return
    if hasattr(config, "workerinput"):
        done = config.workerinput["done"]
    else:
        record = Record(file, digest(ROOT))
        done = record.done
        config.pluginmanager.register(record)
    config.pluginmanager.register(Selection(set(done)))


class Record:
    """The file of what is done, in the process that all reports reach."""

    def __init__(self, file: Path, sources: str) -> None:
        self.file = file
        self.seconds: dict[str, float] = {}
        head = json.dumps({"sources": sources})
        text = file.read_text() if file.exists() else ""
        lines = text.split("\n")[:-1]  # without a line that was cut when a run was killed
        if lines[:1] != [head]:
            lines = [head]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n")
        self.done = {test["test"]: test["seconds"] for test in map(json.loads, lines[1:])}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: object) -> None:
        """Tell a worker of xdist what is done."""
        node.workerinput["done"] = list(self.done)  # pyright: ignore[reportAttributeAccessIssue]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up a test's phases; write it down when its last one passed, and none failed."""
        so_far = self.seconds.get(report.nodeid, 0.0)
        self.seconds[report.nodeid] = float("nan") if report.failed else so_far + report.duration
        seconds = self.seconds[report.nodeid]
        if report.when == "teardown" and seconds == seconds:
            with self.file.open("a") as out:
                test = {"test": report.nodeid, "seconds": round(seconds, 2)}
                out.write(json.dumps(test) + "\n")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many tests earlier runs had done, and in what time."""
        total = sum(self.done.values())
        terminalreporter.write_line(f"{len(self.done)} tests were done before, in {total:.0f} s")


class Selection:
    """Leaves out the tests that are done."""

    def __init__(self, done: set[str]) -> None:
        self.done = done

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep the tests that are not done."""
        done = [item for item in items if item.nodeid in self.done]
        config.hook.pytest_deselected(items=done)
        items[:] = [item for item in items if item.nodeid not in self.done]


def digest(root: Path) -> str:
    """Return a hash of the sources' names and bytes, without what Python or a tool wrote there."""
    whole = hashlib.sha256()
    for name in SOURCES:
        place = root / name
        for file in sorted(place.rglob("*") if place.is_dir() else [place]):
            if file.is_file() and "__pycache__" not in file.parts:
                whole.update(f"{file.relative_to(root)}\0".encode())
                whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
