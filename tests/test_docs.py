"""The documentation site: it builds without a warning, and its pages say what programs do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sessions import run, session, shows
from support import HANG_SECONDS, ROOT

DOCS = ROOT / "docs"


@pytest.mark.nightly
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", tmp_path / "trees"]
    done = subprocess.run(
        [*command, DOCS, tmp_path / "html"],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "html" / "tutorial" / "index.html").is_file()


def test_every_page_is_in_the_navigation() -> None:
    """A page that no table of contents lists would be a warning; the site's test is nightly."""
    pages = {p for p in DOCS.rglob("*.md") if "_ext" not in p.parts}
    listed = {DOCS / "index.md"}
    for page in pages:
        for block in page.read_text().split("```{toctree}")[1:]:
            names = [n for n in block.partition("```")[0].split() if not n.startswith(":")]
            listed |= {p.resolve() for n in names for p in page.parent.glob(f"{n}.md")}
    assert pages - listed == set()


PAGES = (
    "tutorial/index",
    "explanation/folding",
    "explanation/time",
    "explanation/exactness",
    "howto/timing",
    "howto/own_board",
    "howto/own_model",
    "howto/own_operator",
)
"""Pages whose blocks run, in this order and in one folder."""

QUICK = {"--epochs 10": "--epochs 3", "--samples 100": "--samples 20"}
"""Settings that change figures alone."""


@pytest.mark.nightly
def test_every_block_of_tutorial_and_how_to_runs_as_shown(tmp_path: Path) -> None:
    for name in PAGES:
        text = (DOCS / f"{name}.md").read_text()
        for command, expected in session(text):
            real = command
            for slow, quick in QUICK.items():
                real = real.replace(slow, quick)
            done = run(real, tmp_path)
            assert done.returncode == 0, f"{name}: {command}: {done.stderr}"
            missing = shows(done.stdout, expected)
            assert missing is None, f"{name}: {command} does not print {missing!r}: {done.stdout}"
        script = "".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
        (tmp_path / "page.py").write_text(script)
        done = run("python page.py", tmp_path)
        assert done.returncode == 0, f"{name}: {done.stderr}"


def test_pages_that_run_are_all_that_have_blocks_to_run() -> None:
    ran = {DOCS / f"{name}.md" for name in PAGES}
    rest = [p for f in ("tutorial", "howto", "explanation") for p in (DOCS / f).rglob("*.md")]
    assert len(rest) >= len(ran)
    fence = re.compile(r"^```(console|python|sh)$", re.MULTILINE)
    assert [p for p in rest if p not in ran and fence.search(p.read_text())] == []
    # a block of `sh` would run nowhere
    assert [p for p in ran if re.search(r"^```sh$", p.read_text(), re.MULTILINE)] == []
