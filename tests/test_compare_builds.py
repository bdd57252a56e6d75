"""The comparison of two revisions' builds: what differs is found, what may differ is masked."""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support import ROOT

DIGESTS = "0501d6bf01f4125e" + "a" * 48, "f52c3cab91e5a5a0" + "b" * 48
SHA = "c" * 64, "d" * 64


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")


def script(name: str) -> ModuleType:
    return importlib.import_module(name)


def write_build(folder: Path, which: int = 0, version: str = "0.1.0") -> Path:
    """Write a build with a board's files; ``which``: which of two sets of digests it has."""
    digest, sha = DIGESTS[which], SHA[which]
    words = [int(digest[at : at + 8], 16) for at in (0, 8)]
    texts = {
        "top.v": f"// Bitrill {version}, graph {digest}\nmodule top;\n  x = 32'd{words[0]};\n",
        "graph.json": f'{{\n "digest": "{digest}",\n "graph": {{}},\n "schema": {which}\n}}\n',
        "timing.json": '{\n "ii": "64"\n}\n',
        "boards/b/shell.v": f"v = 32'd{words[1]};\nw = 32'd7;\n",
        "boards/b/bitrill.xdc": f"# begins with {digest[:16]}\nUSERID 0x{digest[:8].upper()} [x]\n",
        "boards/b/network.json": f'{{\n "digest": "{digest[:16]}",\n "format": 1\n}}\n',
        "boards/b/board.json": '{\n "files": {\n'
        f'  "top.v": "{sha}"\n }},\n "format": 1,\n'
        f' "network": {{\n  "digest": "{digest}"\n }}\n}}\n',
        "boards/b/bitrill_driver/wire.py": '"""Words."""\n\nX = 1  # why\n',
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "weights.npz").write_bytes(bytes(range(256)))
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two equal builds."""
    a = write_build(tmp_path / "a")
    shutil.copytree(a, tmp_path / "b")
    return a, tmp_path / "b"


def compared(pair: tuple[Path, Path], **options: Any) -> Any:
    return script("compare_folders").compare_folders(*pair, **options)


def test_equal_folders_have_no_difference(pair: tuple[Path, Path]) -> None:
    done = compared(pair)
    assert (done.files, done.differences, done.masked) == (9, [], [])


def test_every_planted_byte_is_found(pair: tuple[Path, Path]) -> None:
    for name in ("timing.json", "weights.npz", "boards/b/bitrill_driver/wire.py"):
        path = pair[1] / name
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert [d.file for d in compared(pair).differences] == [name]
        path.write_bytes(data)


def test_the_first_difference_names_line_and_text(pair: tuple[Path, Path]) -> None:
    path = pair[1] / "boards/b/shell.v"
    path.write_text(path.read_text().replace("d7", "d8"))
    (found,) = compared(pair).differences
    assert str(found) == 'boards/b/shell.v line 2: "w = 32\'d7;" | "w = 32\'d8;"'


def test_the_first_difference_of_arrays_names_the_byte(pair: tuple[Path, Path]) -> None:
    (pair[1] / "weights.npz").write_bytes(bytes([*range(255), 0]))
    (found,) = compared(pair).differences
    assert str(found) == "weights.npz byte 255: 0xff | 0x00"
    (pair[1] / "weights.npz").write_bytes(bytes(range(255)))
    (found,) = compared(pair).differences
    assert str(found) == "weights.npz: 256 bytes | 255 bytes"


def test_a_difference_far_inside_a_long_line_is_shown(pair: tuple[Path, Path]) -> None:
    for folder, end in zip(pair, "xy", strict=True):
        (folder / "top.v").write_text("a" * 5000 + end)
    (found,) = compared(pair).differences
    assert found.a.endswith("x'")
    assert found.b.endswith("y'")
    assert len(found.a) < 110


@pytest.mark.parametrize(("missing", "text"), [(0, "missing | there"), (1, "there | missing")])
def test_a_missing_file_is_a_difference(pair: tuple[Path, Path], missing: int, text: str) -> None:
    (pair[missing] / "timing.json").unlink()
    done = compared(pair)
    assert [str(d) for d in done.differences] == [f"timing.json: {text}"]
    assert done.files == 9


def test_a_line_more_is_a_difference(pair: tuple[Path, Path]) -> None:
    with (pair[1] / "timing.json").open("a") as file:
        file.write("\n")
    assert [str(d) for d in compared(pair).differences] == ["timing.json: 4 lines | 5 lines"]


def test_the_version_of_the_first_line_is_masked(tmp_path: Path) -> None:
    pair = write_build(tmp_path / "a"), write_build(tmp_path / "b", version="0.2.0")
    done = compared(pair)
    assert (done.differences, done.masked) == ([], [("top.v", "version of Bitrill")])


def test_a_version_in_another_line_is_not_masked(pair: tuple[Path, Path]) -> None:
    for folder, version in zip(pair, ("0.1.0", "0.2.0"), strict=True):
        text = (folder / "top.v").read_text()
        (folder / "top.v").write_text(f"\n// Bitrill {version}, graph {DIGESTS[0]}\n{text}")
    assert [d.where for d in compared(pair).differences] == ["line 2"]


def test_digests_are_masked_wherever_they_stand(tmp_path: Path) -> None:
    pair = write_build(tmp_path / "a", 0), write_build(tmp_path / "b", 1)
    done = compared(pair)
    assert done.differences == []
    assert sorted(done.masked) == [
        ("boards/b/bitrill.xdc", "digest of the graph in constants"),
        ("boards/b/board.json", "digest of the graph"),
        ("boards/b/board.json", "digests of files"),
        ("boards/b/network.json", "digest of the graph"),
        ("boards/b/shell.v", "digest of the graph in constants"),
        ("graph.json", "digest of the graph"),
        ("graph.json", "version of the form"),
        ("top.v", "digest of the graph"),
        ("top.v", "digest of the graph in constants"),
    ]


def test_a_difference_beside_a_masked_digest_is_found(tmp_path: Path) -> None:
    pair = write_build(tmp_path / "a", 0), write_build(tmp_path / "b", 1)
    for name, old, new in (
        ("top.v", "module top", "module toq"),
        ("graph.json", '"graph": {}', '"graph": {"x": 1}'),
        ("boards/b/shell.v", "32'd7", "32'd8"),
        ("boards/b/board.json", '"top.v"', '"tip.v"'),
    ):
        path = pair[1] / name
        text = path.read_text()
        path.write_text(text.replace(old, new))
        assert [d.file for d in compared(pair).differences] == [name]
        path.write_text(text)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('"""Other words."""\n\nX = 1\n', True),
        ('"""Words."""\n\nX = 2  # why\n', False),
        ('"""Words."""\n\nX = "1"  # why\n', False),
        ("(", False),
    ],
)
def test_words_of_sources_are_masked_on_demand(
    pair: tuple[Path, Path], text: str, masked: bool
) -> None:
    name = "boards/b/bitrill_driver/wire.py"
    (pair[1] / name).write_text(text)
    assert [d.file for d in compared(pair).differences] == [name]
    done = compared(pair, same_code=True)
    assert done.masked == ([(name, "comments and docstrings")] if masked else [])
    assert [d.file for d in done.differences] == ([] if masked else [name])


def result(code: int, message: str = "") -> Any:
    return script("compare_builds").Result("key", code, message, "", 0.0)


WRONG = "must be refused, but was built by both"


@pytest.mark.parametrize(
    ("a", "b", "refused", "error"),
    [
        ((0, ""), (0, ""), False, ""),
        ((0, ""), (0, ""), True, WRONG),
        ((2, "m"), (2, "m"), True, ""),
        ((2, "m"), (2, "m"), False, "fails in both: exit 2: m"),
        ((2, "m"), (2, "n"), True, "exit 2: m | exit 2: n"),
        ((2, "m"), (1, "m"), True, "exit 2: m | exit 1: m"),
        ((0, ""), (2, "unknown option '--x'"), False, "built | exit 2: unknown option '--x'"),
        ((2, "m"), (0, ""), True, "exit 2: m | built"),
    ],
)
def test_a_failure_is_equal_only_where_it_was_declared(
    a: tuple[int, str], b: tuple[int, str], refused: bool, error: str
) -> None:
    case = script("compare_cases").Case(name="x", model="m", refused=refused)
    assert script("compare_builds")._failure(case, result(*a), result(*b)) == error


def test_a_process_that_ended_is_a_failure() -> None:
    builds, case = script("compare_builds"), script("compare_cases").Case(name="x", model="m")
    ended = "the process of REV_B ended in the midst of it"
    assert builds._failure(case, result(0), None) == ended


def test_a_report_says_what_differs_and_what_was_masked(pair: tuple[Path, Path]) -> None:
    builds, case = script("compare_builds"), script("compare_cases").Case(name="x", model="m")
    roots = pair[0].parent / "one", pair[0].parent / "two"
    for root, folder, printed in zip(roots, pair, "pq", strict=True):
        (root / "x").mkdir(parents=True)
        folder.rename(root / "x" / "build")
        value = asdict(builds.Result("key", 0, "", printed, 0.0))
        (root / "x" / "result.json").write_text(json.dumps(value))
    top = roots[1] / "x" / "build" / "top.v"
    top.write_text(top.read_text().replace("0.1.0", "0.2.0"))
    options = argparse.Namespace(same_code=False, printed=False)
    report = builds._report(case, *roots, options)
    assert list(builds.lines([report], ["y: why"])) == [
        "equal      x                                    9 files",
        "masked: top.v: version of Bitrill (in 1 build)",
        "skipped: y: why",
        "1 builds, 9 files, 0 differ",
    ]
    report = builds._report(case, *roots, argparse.Namespace(same_code=False, printed=True))
    assert report.line().endswith("1 differ: printed line 1: 'p' | 'q'")


def test_names_of_builds_are_unique_folders_of_known_models() -> None:
    cases = script("compare_cases")
    names = [c.name for c in cases.CASES]
    assert len(set(names)) == len(names) >= 30
    assert not any("/" in name for name in names)
    assert {c.model for c in cases.CASES if not c.external} == set(cases.MODELS)


def test_every_command_is_one_of_bitrills() -> None:
    from bitrill.cli.parser import parse

    cases = script("compare_cases")
    for case in cases.CASES:
        for command in case.commands("m.onnx"):
            assert parse(command).verb == command[0]
    for flags in cases.MODELS.values():
        assert parse(["train", *flags.split(), "--out", "x"]).verb == "train"


def test_what_cannot_be_compared_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main = script("compare_builds").main
    monkeypatch.chdir(tmp_path)
    assert main([".", ".", "--only", "none-such"]) == 2
    assert "error: no build's name matches 'none-such'" in capsys.readouterr().err
    assert main([".", "."]) == 2
    assert "error: git rev-parse --show-toplevel failed in" in capsys.readouterr().err


def test_sources_of_another_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script("compare_builds").worker(str(tmp_path)) == 2
    assert f"not from {tmp_path}" in capsys.readouterr().err
    assert sys.modules["compare_builds"].__file__ == str(ROOT / "scripts" / "compare_builds.py")
