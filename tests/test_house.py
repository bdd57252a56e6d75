"""``scripts/house.py`` sees one of each thing that it counts."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from support import ROOT


@pytest.fixture(scope="module")
def house() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house", ROOT / "scripts/house.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["house"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rows(house: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return what a count holds in a tree of ``{path: text}``."""
    monkeypatch.setenv("PATH", "")  # no `duplicates`: its own test has one

    def of(label: str, files: dict[str, str]) -> list[str]:
        for place, text in files.items():
            path = tmp_path / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        count, listed = house.measure(tmp_path)[label]
        assert count == len(listed)
        return listed

    return of


A, B = "sw/bitrill/ir/a.py", "sw/bitrill/ir/b.py"


@pytest.mark.parametrize(
    "back",
    [
        "from .a import x",
        "from . import a",
        "import bitrill.ir.a",
        "def f():\n    from bitrill.ir import a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..ir.a import x",
    ],
)
def test_a_circle(rows, back: str) -> None:
    assert rows("circles", {A: "from .b import y\n", B: back + "\n"}) == [
        "2 modules: bitrill.ir.a, bitrill.ir.b"
    ]


def test_a_name_out_of_a_package_is_an_edge_to_its_init(rows) -> None:
    files = {"sw/bitrill/ir/__init__.py": "from .a import x\n", A: "from . import x\n", B: ""}
    assert rows("circles", files) == ["2 modules: bitrill.ir, bitrill.ir.a"]
    assert rows("modules in circles", files) == ["bitrill.ir", "bitrill.ir.a"]


def test_a_submodule_out_of_a_package_is_no_edge_to_its_init(rows) -> None:
    files = {"sw/bitrill/ir/__init__.py": "from .a import x\n", A: "from . import b\n", B: ""}
    assert rows("circles", files) == []


def test_an_upward_import(rows) -> None:
    files = {
        "sw/bitrill/ir/a.py": "from ..ops import add\n",
        "sw/bitrill/ops/add.py": "from ..exact import root\n",
        "sw/bitrill/exact.py": "",
        "sw/bitrill/frontend/reader/x.py": "from ..rules import y\n",
        "sw/bitrill/frontend/rules/y.py": "",
    }
    assert rows("upward imports", files) == [
        "bitrill.frontend.reader.x -> bitrill.frontend.rules.y (frontend.reader -> frontend.rules)",
        "bitrill.ir.a -> bitrill.ops.add (ir -> ops)",
    ]


def test_modules_of_plan_count_to_their_rooms(rows) -> None:
    files = {
        "sw/bitrill/passes/fold.py": "from ..plan import solve\n",
        "sw/bitrill/plan/solve.py": "",
        "sw/bitrill/plan/gates.py": "from .timing import x\n",
        "sw/bitrill/plan/timing.py": "",
    }
    with_plan = files | {"sw/bitrill/plan/__init__.py": ""}
    assert rows("upward imports", with_plan) == [
        "bitrill.plan.gates -> bitrill.plan.timing (arith -> timing)"
    ]


def test_without_plan_a_pass_is_a_pass(rows) -> None:
    files = {
        "sw/bitrill/passes/fold.py": "from ..folding import solve\n",
        "sw/bitrill/folding/solve.py": "",
    }
    assert len(rows("upward imports", files)) == 1


def test_a_module_in_no_room(rows) -> None:
    assert rows("modules in no room", {"sw/bitrill/attic.py": "", A: ""}) == ["bitrill.attic"]


@pytest.mark.parametrize(
    "text",
    [
        "op.impl.style == 'anything'",
        "'folded' != style",
        "multiply in ('lut', 'dsp')",
        "x.type.coding not in {'bipolar'}",
        "node['primitives'] == 'xc7'",
        "op.folded.memory == 'block'",
        "weight_coding == 'bipolar'",
        "part.family == 'ice40'",
        "(x.coding, w.coding) == ('bipolar', 'integer')",
        "{'folded': 1}[op.style]",
        "{'folded': 1}.get(op.style)",
        "match op.style:\n    case 'folded':\n        pass\n    case _:\n        pass",
    ],
)
def test_a_word_compared(rows, text: str) -> None:
    assert len(rows("words compared", {A: text + "\n"})) == 1


@pytest.mark.parametrize(
    "text",
    [
        "op.style == other.style",
        "op.style is None",
        "name == 'folded'",
        "weight_coding == 'other'",
        "table[style]",
        "impl(style='folded')",
    ],
)
def test_no_word_compared(rows, text: str) -> None:
    assert rows("words compared", {A: text + "\n"}) == []
    assert rows("words looked up", {A: text + "\n"}) == []


@pytest.mark.parametrize("text", ["style in STYLES", "x.NS[op.primitives]", "_OPEN.get(op.style)"])
def test_a_word_looked_up(rows, text: str) -> None:
    assert len(rows("words looked up", {A: text + "\n"})) == 1


def test_an_owner_may_compare(house, rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "OWNERS", ("bitrill.ir",))
    files = {A: "x.style == 'a'\n", "sw/bitrill/irs.py": "x.style == 'a'\n"}
    assert rows("words compared", files) == ["sw/bitrill/irs.py:1 x.style == 'a'"]


def test_a_file_over_300_lines(rows) -> None:
    files = {A: "x = 1\n" * 300, B: "x = 1\n" * 301}
    assert rows("files over 300 lines", files) == [f"301 {B}"]


def test_a_function_over_40_lines(rows) -> None:
    files = {A: "@f\n@g\ndef f():\n" + "    x = 1\n" * 39, B: "def g():\n" + "    x = 1\n" * 40}
    assert rows("functions over 40 lines", files) == [f"41 {B}:1 g"]


def test_lines_and_lengths(house, tmp_path: Path) -> None:
    path = tmp_path / "hw/bitrill_hw/x.py"
    path.parent.mkdir(parents=True)
    path.write_text('"""Doc."""\n\nx = 1\n"""Doc."""\n\n\ndef f():\n    """Doc."""\n    return 1\n')
    counts = {label: n for label, (n, _) in house.measure(tmp_path).items()}
    assert counts["median function length"] == 3
    assert counts["logical lines, bitrill_hw"] == counts["logical lines, in all"] == 3
    assert counts["physical lines, bitrill_hw"] == counts["physical lines, in all"] == 9
    assert counts["logical lines, bitrill"] == 0


@pytest.mark.parametrize(
    "text",
    [
        '"""Of a module."""',
        'class C:\n    """\n    As of another."""',
        'def f():\n    """All of them."""',
        'class C:\n    x: int = 1\n    """That of x."""',
        'x = 1\n"""Those."""',
        'async def f():\n    """Where it is."""',
    ],
)
def test_a_docstring_that_begins_in_the_middle(rows, text: str) -> None:
    assert len(rows("docstrings Of, As, All, ...", {A: text + "\n"})) == 1


@pytest.mark.parametrize(
    "text", ['"""Offset."""', '"""What is of use."""', 'f()\n"""Of a string."""']
)
def test_a_docstring_that_begins_well(rows, text: str) -> None:
    assert rows("docstrings Of, As, All, ...", {A: text + "\n"}) == []


def test_fmt_comments(rows) -> None:
    text = "x = 1  # fmt: skip\n# fmt: off\ny = '# fmt: skip'\n"
    files = {A: text, "tests/test_a.py": text, "benchmarks/b.py": "# fmt:off\n"}
    assert rows("fmt: skip or off", files) == [f"{A}:1", f"{A}:2"]
    assert rows("fmt: skip or off, tests", files) == [
        "tests/test_a.py:1",
        "tests/test_a.py:2",
        "benchmarks/b.py:1",
    ]


def test_any(rows) -> None:
    text = (
        "from typing import Any\nimport typing\nJson = dict[str, Any]\n"
        "def f(a: Any, *b: 'list[Any]') -> typing.Any:\n    x: dict[str, Any] = cast(Any, a)\n"
    )
    places = [f"{A}:{line}" for line in (3, 4, 4, 4, 5)]
    assert sorted(rows("Any", {A: text})) == places
    assert sorted(rows("dict[str, Any]", {A: text})) == [f"{A}:3", f"{A}:5"]


def test_names_of_several_modules(rows) -> None:
    files = {
        "sw/bitrill/ops/add.py": "",
        "hw/bitrill_hw/ops/add.py": "",
        "sw/bitrill/ops/pad.py": "",
        "hw/bitrill_hw/ops/pad.py": "",
        "hw/bitrill_hw/pad.py": "",
        "hw/bitrill_hw/__init__.py": "",
        "sw/bitrill/__init__.py": "",
    }
    assert rows("names of several modules", files) == ["pad: bitrill.ops.pad, bitrill_hw.pad"]


def test_classes_of_several_modules(rows) -> None:
    files = {A: "class C: ...\nclass D: ...\n", B: "class C: ...\n"}
    assert rows("classes of several modules", files) == ["C: bitrill.ir.a, bitrill.ir.b"]


def test_vague_names(rows) -> None:
    text = (
        "def f(more):\n    pass\n"
        "def g():\n    def h():\n        for left in x: pass\n"
        "def found():\n    told, y = 1, 2\n"
        "def k():\n    x.left = found(1)\n"
    )
    assert rows("found, told, more, left", {A: text}) == [
        f"{A}:1 f: more",
        f"{A}:4 h: left",
        f"{A}:6 found: found, told",
    ]


def test_duplicates(house, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = (
        "3 pairs in 9 files\n"
        "D1 sw/a.py:1-9 ~ hw/b.py:1-9 (+2 more runs)\n"
        "D2 sw/a.py:1-9 ~ tests/b.py:1-9 shape\n"
        "D3 sw/a.py:1-9 ~ sw/b.py:1-9 shape boilerplate\n"
    )
    command = tmp_path / "duplicates"
    command.write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    counts = house.measure(tmp_path)
    assert [row[:2] for row in counts["duplicates"][1]] == ["D1", "D2"]
    assert [row[:2] for row in counts["duplicates, product code"][1]] == ["D1"]


def test_without_the_command_duplicates_are_a_dash(
    house, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    counts = house.measure(tmp_path)
    assert counts["duplicates"] == (None, [])
    lines = house.table({"x": counts}, verbose=False).splitlines()
    assert next(line for line in lines if line.startswith("duplicates")).split() == [
        "duplicates",
        "-",
    ]


def test_revisions_stand_side_by_side(
    house, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(house, "ROOT", tmp_path)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    for k in (1, 2):
        path = tmp_path / f"sim/bitrill_sim/x{k}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("class C: ...\n")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "x"], check=True)
    house.main(["HEAD~1", "HEAD", "--verbose"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["HEAD~1", "HEAD"]
    assert next(x for x in printed if x.startswith("classes of")).split()[-2:] == ["0", "1"]
    assert printed[printed.index("classes of several modules, HEAD") + 1].startswith("  C: ")
    house.main(["--json"])
    assert json.loads(capsys.readouterr().out)["working tree"]["classes of several modules"] == 1
    with pytest.raises(SystemExit, match="nonsense"):
        house.main(["nonsense"])
