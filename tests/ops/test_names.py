"""Each operator has the same file name in three folders: sw, hw, tests."""

from __future__ import annotations

from pathlib import Path

from bitrill.ops import OPERATORS
from support import ROOT


def names(folder: str, prefix: str = "") -> set[str]:
    files = (ROOT / folder).glob(f"{prefix}*.py")
    return {f.stem.removeprefix(prefix) for f in files if f.stem != "__init__"}


def test_each_operator_has_the_same_file_in_three_folders() -> None:
    software = names("sw/bitrill/ops")
    assert software == names("hw/bitrill_hw/ops")
    # tests of the whole lie beside those of each operator
    whole = {
        "build",
        "faults",
        "lanes",
        "levels",
        "log2",
        "multiply",
        "names",
        "own_operator",
        "select",
        "shared_values",
        "sparse",
        "sweep",
        "sweep_spatial",
    }
    assert software == names("tests/ops", "test_") - whole


def test_each_operator_is_listed_under_its_file_name() -> None:
    assert {op.kind for op in OPERATORS} == names("sw/bitrill/ops")
    assert {Path(op.__module__.replace(".", "/")).name for op in OPERATORS} == {
        op.kind for op in OPERATORS
    }
