# amaranth: UnusedElaboratable=no
"""Conversion to Verilog: what Amaranth's Yosys says when it fails."""

from __future__ import annotations

import pytest
from amaranth.back.verilog import YosysError
from amaranth.hdl import Module
from bitrill.errors import ToolError
from bitrill_hw.memories import roms


def test_a_converter_that_fails_is_told_in_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise YosysError("Traceback (most recent call last):\n  ...\nError: File too large\n")

    monkeypatch.setattr(roms.backend, "convert", fail)
    with pytest.raises(ToolError, match=r"^Amaranth's Yosys failed: Error: File too large$"):
        roms.convert(Module())
