"""An interrupted run of the tests goes on where it was, and begins anew on other sources."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

TESTS = """
import pytest
from pathlib import Path

@pytest.mark.parametrize("i", range(4))
def test_it(i):
    with Path("ran").open("a") as out:
        out.write(f"{i} ")
    if i == 2 and not Path("mended").exists():
        raise KeyboardInterrupt if Path("stop").exists() else AssertionError

@pytest.mark.skip(reason="no such board")
def test_skipped(): pass
"""


RESUME = "--resume=r/done.jsonl"


def run(folder: Path, *flags: str) -> tuple[str, str]:
    """Return the numbers of the tests that ran, and what pytest said."""
    (folder / "ran").write_text("")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    told = subprocess.run([*command, *flags], cwd=folder, capture_output=True, text=True)
    return (folder / "ran").read_text(), told.stdout + told.stderr


def project(folder: Path) -> Path:
    (folder / "sw").mkdir()
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "resuming.py", folder / "tests")
    (folder / "tests" / "conftest.py").write_text("from resuming import *\n")
    (folder / "tests" / "support.py").write_text(
        f"from pathlib import Path\nROOT = Path({str(folder)!r})\n"
    )
    (folder / "tests" / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = tests\ntestpaths = tests\n")
    (folder / "constraints.txt").write_text("")
    return folder


def test_what_passed_is_left_out_until_the_sources_change(tmp_path: Path) -> None:
    folder = project(tmp_path)
    assert run(folder, RESUME)[0] == "0 1 2 3 "
    ran, told = run(folder, RESUME)
    assert ran == "2 "
    assert "4 tests were done before" in told
    (folder / "sw" / "new.py").write_text("")
    assert run(folder, RESUME)[0] == "0 1 2 3 "


@pytest.mark.nightly
def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "stop").touch()
    assert run(folder, RESUME)[0] == "0 1 2 "
    (folder / "mended").touch()
    with (folder / "r" / "done.jsonl").open("a") as file:
        file.write('{"test": "tests/test_it.py::test_it[3]", "seco')  # killed while it wrote
    assert run(folder, RESUME)[0] == "2 3 "
    lines = [json.loads(line) for line in (folder / "r" / "done.jsonl").read_text().splitlines()]
    assert sorted(test["test"] for test in lines[1:]) == [
        *(f"tests/test_it.py::test_it[{i}]" for i in range(4)),
        "tests/test_it.py::test_skipped",
    ]


@pytest.mark.nightly
def test_workers_leave_out_the_same(tmp_path: Path) -> None:
    folder = project(tmp_path)
    run(folder, RESUME)
    (folder / "mended").touch()
    assert run(folder, RESUME, "-n", "2")[0] == "2 "
    assert sorted(run(folder, "-n", "2")[0]) == sorted("0 1 2 3 ")
