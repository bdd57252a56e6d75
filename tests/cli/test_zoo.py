"""Trained networks that come along, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bitrill import flow, zoo
from cli.conftest import Run


def test_the_list_is_printed(run: Run) -> None:
    code, out, err = run("zoo")
    assert (code, err) == (0, "")
    for name in zoo.names():
        assert zoo.entry(name).compile_command in out
    code, out, _ = run("zoo", "--json")
    assert (code, json.loads(out)) == (0, flow.zoo().to_json())


KNOWN = ", ".join(zoo.names())
UNKNOWN = f"a model of the zoo must be one of {KNOWN}, not 'tfcc'; did you mean 'tfc'?"


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "zoo:tfcc"),
        ("compile", "zoo:tfcc", "--out", "b"),
        ("check", "zoo:tfcc", "--inputs", "x.npy", "--outputs", "y.npy"),
        ("compress", "zoo:tfcc", "--out", "b"),
    ],
)
def test_an_unknown_name_is_one_line_with_those_there_are(
    arguments: tuple[str, ...], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (out, err) == ("", f"bitrill: error: {UNKNOWN}\n")
    assert code == 2
    assert list(tmp_path.iterdir()) == []
