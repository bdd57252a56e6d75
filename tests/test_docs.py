"""The documentation site: it builds without a warning, and its pages say what programs do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
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
