"""The repository itself: packages, pins, licence, what CI counts as a failure."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from support import HANG_SECONDS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("sw/bitrill", "hw/bitrill_hw", "sim/bitrill_sim", "boards/bitrill_boards")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().split()
    return {normal(name): version for name, _, version in (x.partition("==") for x in lines)}


CODE = ("sw", "hw", "sim", "boards", "tests", "benchmarks", "examples", "scripts")


def test_every_dependency_is_pinned() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    wanted += [d for deps in extras.values() for d in deps]
    names = {normal(re.split(r"[\[<>=!~ ]", d)[0]) for d in wanted} - {"bitrill"}
    assert names - set(pins()) == set()
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", v) for v in pins().values())


def test_what_is_installed_is_what_is_pinned() -> None:
    from importlib.metadata import distributions

    # this environment's own folder alone: setuptools puts its vendored copies on the path
    here = distributions(path=[sysconfig.get_path("purelib")])
    found = {normal(d.metadata["Name"]): d.version.partition("+")[0] for d in here}
    assert len(found) > 20
    assert {k: v for k, v in found.items() if k in pins() and pins()[k] != v} == {}


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    section = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    above = ""
    for line in section.splitlines():
        if re.search(r'^\w+ = \["(?!bitrill\[cli)', line):
            assert "#" in line or above.startswith("#"), line
        above = line


def test_the_licence_is_apaches_word_for_word() -> None:
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=HANG_SECONDS)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_file_of_every_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in PACKAGES:
        folder = ROOT / package
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "."],
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
        )
        files = listed.stdout.split() or [
            str(p.relative_to(folder)) for p in folder.rglob("*.py") if p.is_file()
        ]
        present = {f for f in files if (folder / f).is_file()}
        missing = {f for f in present if f"{folder.name}/{f}" not in names}
        assert missing == set()
        assert f"{folder.name}/py.typed" in names  # PEP 561: the package carries its types
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_the_wheel_works_away_from_the_repository(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import sys; sys.path = [sys.argv[1], *(p for p in sys.path if sys.argv[2] not in p"
        " or 'site-packages' in p)]\n"
        "import bitrill, bitrill_hw, bitrill_sim, bitrill_boards\n"
        "for m in (bitrill, bitrill_hw, bitrill_sim, bitrill_boards):\n"
        "    assert m.__file__.startswith(sys.argv[1]), m.__file__\n"
        "from bitrill.cli import main; sys.exit(main(['--version']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site"), str(ROOT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("bitrill 0.1.0\n", "", 0)


def test_ci_calls_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    assert script.read_text().rstrip().endswith("make test")


SKIPPING = """
import pytest
from support import need_tool, optional_tool

def test_needs():
    need_tool("no-such-tool")

def test_likes():
    optional_tool("no-such-tool")
"""


@pytest.mark.parametrize(("ci", "outcomes"), [("", (0, 2)), ("true", (1, 1))])
def test_a_missing_tool_fails_in_ci(ci: str, outcomes: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SKIPPING)
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
        env=os.environ | {"CI": ci, "PYTHONPATH": str(ROOT / "tests")},
    )
    failed, skipped = outcomes
    assert f"{skipped} skipped" in done.stdout
    assert (f"{failed} failed" in done.stdout) is bool(failed)
    assert ("in CI every tool must be there" in done.stdout) is bool(failed)


def test_the_formatter_is_never_switched_off() -> None:
    about = {ROOT / "scripts/house.py", ROOT / "tests/test_house.py"}  # they look for it
    files = [p for folder in CODE for p in (ROOT / folder).rglob("*.py") if p not in about]
    assert len(files) > 500
    assert [str(p) for p in files if re.search(r"# fmt: *(skip|off)", p.read_text("utf-8"))] == []
