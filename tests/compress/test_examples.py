"""Recipes that are shown can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill.compress import recipe as recipes
from support import ROOT

EXAMPLES = sorted((ROOT / "examples/compress").glob("*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_recipe(path: Path) -> None:
    assert recipes.load(path).steps


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4
