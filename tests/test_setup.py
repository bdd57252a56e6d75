"""The script that sets up a checkout names what is missing on the machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support import HANG_SECONDS, ROOT


@pytest.mark.parametrize("missing", ["g++", "make", "perl"])
def test_setup_names_a_missing_tool(missing: str, tmp_path: Path) -> None:
    for tool in {"g++", "make", "perl", "sh", "dirname", "sed"} - {missing}:
        (tmp_path / tool).symlink_to(subprocess.check_output(["which", tool], text=True).strip())
    done = subprocess.run(
        ["/bin/sh", ROOT / "scripts" / "setup.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.startswith(f"bitrill: missing: {missing}. Verilator needs them")
    assert f"apt-get install {missing}; " in done.stderr


def test_setup_names_a_missing_python(tmp_path: Path) -> None:
    for tool in ("g++", "make", "perl", "dirname"):
        (tmp_path / tool).symlink_to(subprocess.check_output(["which", tool], text=True).strip())
    done = subprocess.run(
        ["/bin/sh", ROOT / "scripts" / "setup.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.startswith("bitrill: missing: Python 3.11 or newer. ")
