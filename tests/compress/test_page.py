"""The recipe of docs/compress.md runs as shown, on a module of somebody else's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from bitrill.compress import recipe as recipes
from bitrill.compress.state import STEPS
from support import ROOT

TEXT = (ROOT / "docs" / "compress.md").read_text()


def test_the_recipe_of_the_page_is_one() -> None:
    shown = re.search(r"\$ cat recipe.toml\n(.*?)\$ bitrill compress", TEXT, re.DOTALL)
    assert shown
    read = recipes.parse(tomllib.loads(shown[1]), Path())
    assert [each.kind for each in read.steps] == ["train", "quantize"]
    assert set(read.steps[1].layers) == {"*", "stem"}  # pyright: ignore[reportAttributeAccessIssue]


def test_every_kind_of_step_has_a_section() -> None:
    sections = set(re.findall(r"^## (\w+)$", TEXT, re.MULTILINE))
    assert {kind.capitalize() for kind in STEPS} - {"Train"} <= sections
