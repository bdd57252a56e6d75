"""One short training for all tests that need a finished run; exports are slow."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill.train import train

EPOCHS = 3


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run: TFC, binary, digits, three epochs. Only read it."""
    out = tmp_path_factory.mktemp("finished")
    train("tfc", epochs=EPOCHS, out=out)
    return out
