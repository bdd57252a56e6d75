"""Completion in a shell: the script is loaded by bash, and asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bitrill.cli import parser
from bitrill.cli.completion import SHELLS
from bitrill.errors import ToolError
from cli.conftest import Run


@pytest.fixture
def script(run: Run, tmp_path: Path) -> Path:
    code, out, err = run("--completion", "bash")
    assert (code, err) == (0, "")
    path = tmp_path / "completion"
    path.write_text(out)
    return path


def offered(script: Path, folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    typed = " ".join(f"'{w}'" for w in ("bitrill", *words))
    code = (
        f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words)};"
        '_shtab_bitrill; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_bash_offers_verbs_options_choices_boards_and_files(script: Path, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    (tmp_path / "build").mkdir()
    assert offered(script, tmp_path, "comp") == ["compress", "compile"]
    assert offered(script, tmp_path, "compile", "--sty") == ["--style"]
    assert offered(script, tmp_path, "verify", "--engine", "i") == ["icarus"]
    assert offered(script, tmp_path, "drive", "pynq") == ["pynq-z1", "pynq-z2"]
    assert offered(script, tmp_path, "compile", "net") == ["net.onnx"]
    assert offered(script, tmp_path, "verify", "bu") == ["build"]


def test_other_shells(run: Run) -> None:
    for shell in SHELLS[1:]:
        code, out, _ = run("--completion", shell)
        assert code == 0
        assert "pynq-z1" in out
    assert run("--completion", "fish")[0] == 2


def test_it_is_no_option_of_a_verb() -> None:
    assert "completion" not in vars(parser.parse(["boards"]))


def test_without_shtab(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(ToolError, match=r"pip install 'bitrill\[cli\]'"):
        parser.parse(["--completion", "bash"])
    code, out, err = run("--completion", "bash")
    assert (code, out) == (3, "")
    assert err.count("\n") == 1
