"""The examples of docs/coming_from.md run, in their order, in one folder."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
from support import ROOT

PAGE = ROOT / "docs" / "coming_from.md"


def test_every_example_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("torch", "brevitas", "onnxruntime.quantization"):
        pytest.importorskip(package)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 5
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "coming_from"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block in blocks:
            exec(compile(block, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    assert "golden model compared: 0 differences at boundaries, 0 decisions differ" in printed
    assert (tmp_path / "finn" / "top.v").is_file()
