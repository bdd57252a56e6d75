"""The C driver on a Cortex-M0, by the benchmark: no warning, and small."""

from __future__ import annotations

import json

import c_size
import pytest
from support import optional_tool


@pytest.mark.nightly
def test_a_small_processor_has_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    optional_tool(c_size.GCC)
    monkeypatch.setattr("sys.argv", ["c_size.py", "--json"])
    assert c_size.main() == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(100 < n < 5_000 for row in rows.values() for n in row.values())
    assert rows["signs"]["images quantized and packed"] < 1_000
