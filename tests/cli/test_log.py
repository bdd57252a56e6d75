"""The log of the command line: errors always, notes unless quiet, steps if verbose."""

from __future__ import annotations

import logging

import pytest
from bitrill import flow
from bitrill.errors import ToolError
from bitrill.flow.extras import logged
from cli.conftest import Run

COMPILING = [
    "compiling for xc7z020clg400-1",
    "searching for a folding",
    "writing Verilog",
    "predicting cycles",
]


def test_steps_are_lines_if_verbose(model, tmp_path, run: Run) -> None:
    quiet = run("compile", model, "--out", tmp_path / "b")
    code, out, err = run("compile", model, "--out", tmp_path / "b", "--verbose")
    assert (code, out) == quiet[:2]
    assert err.splitlines() == [f"bitrill: {step}" for step in COMPILING]
    code, out, err = run("inspect", model, "--verbose", "--json")
    assert err == "bitrill: importing\nbitrill: searching for a folding\n"


@pytest.mark.parametrize("flag", ["--quiet", "--json"])
def test_nothing_is_said_otherwise(flag: str, model, tmp_path, run: Run) -> None:
    code, out, err = run("compile", model, "--out", tmp_path / "b", flag)
    assert (code, err, out != "") == (0, "", True)


def failing(**_: object) -> None:
    logging.getLogger("bitrill.some.module").warning("the cable is slow")
    raise ToolError("the cable is gone")


def test_warnings_are_kept_back_if_quiet_and_errors_never(run: Run, monkeypatch) -> None:
    monkeypatch.setattr(flow, "doctor", failing)
    error = "bitrill: error: the cable is gone\n"
    assert run("doctor") == (4, "", f"bitrill: warning: the cable is slow\n{error}")
    assert run("doctor", "--quiet") == (4, "", error)
    code, _, err = run("doctor", "--verbose")
    assert code == 4
    assert err.endswith(error)
    assert "Traceback" in err
    assert "in failing" in err


def test_quiet_and_verbose_exclude_each_other(run: Run) -> None:
    code, _, err = run("doctor", "--quiet", "--verbose")
    assert code == 2
    assert "--verbose: not allowed with argument --quiet" in err


def test_the_command_leaves_logging_as_it_was(run: Run) -> None:
    log = logging.getLogger("bitrill")
    before = log.level, log.propagate, list(log.handlers)
    run("doctor", "--verbose")
    assert (log.level, log.propagate, list(log.handlers)) == before


def test_python_programs_see_steps_in_their_own_log(model, tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO, "bitrill")
    flow.compile(model, out=tmp_path / "b")
    assert [(r.name, r.message) for r in caplog.records] == [
        ("bitrill.flow", step) for step in COMPILING
    ]


def test_only_the_start_of_a_step_is_logged(caplog) -> None:
    caplog.set_level(logging.INFO, "bitrill")
    for done in range(3):
        logged("simulation", done, 3)
    assert caplog.messages == ["simulation"]
