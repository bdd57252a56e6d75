"""``make`` of toolchain ``vivado``, with the model of Vivado on PATH."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from bitrill.errors import FitError, StorageError, TimingError, ToolError
from bitrill.flow import Build
from bitrill_boards.project import Project
from bitrill_boards.toolchains import vivado
from boards.toolchains import modelled
from boards.toolchains.vivado_build import build, files, shells

__all__ = ["build", "files", "shells"]  # fixtures
Pretend = Callable[..., None]


@pytest.fixture
def made(build: Build, files: Callable[[Project], Mapping[str, str]], tmp_path: Path) -> Project:
    """A project whose files are written."""
    project = modelled.project(build, "zc706", tmp_path / "with space [x]")
    modelled.write(project, files(project))
    return project


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pretend:
    """Put the model on PATH, and set its behaviour."""
    path = modelled.install(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("BITRILL_PART_ONLY", raising=False)

    def set_up(**pretended: object) -> None:
        for key, value in modelled.environment(**pretended).items():
            monkeypatch.setenv(key, value)

    set_up()
    return set_up


def silent(what: str, done: int, total: int) -> None:
    pass


def left(project: Project) -> list[str]:
    names = ("bitrill.bit", "bitrill.hwh")
    return [n for n in names if (project.folder / n).exists()]


def test_a_bitstream_and_what_is_known_of_it(made: Project, pretend: Pretend) -> None:
    pretend(wns=0.5)
    told: list[tuple[str, int, int]] = []
    done = vivado.make(made, lambda *step: told.append(step))
    assert done.bitstream == "bitrill.bit"
    assert done.fmax_mhz == pytest.approx(1000 / (7.0 - 0.5), rel=1e-4)
    assert done.used == {
        "lut": (4321, 53200),
        "ff": (5150, 106400),
        "bram": (3, 140),
        "dsp": (0, 220),
    }
    assert done.files == ("bitrill.bit", "bitrill.hwh", "timing.rpt", "utilization.rpt")
    assert all((made.folder / name).is_file() for name in (*done.files, "vivado.log"))
    assert told[0] == ("Vivado starts", 0, 0)
    assert [(k, n) for _, k, n in told[1:]] == [(k, vivado.STEPS) for k in range(vivado.STEPS)]
    assert [what for what, *_ in told[6:]] == [
        f"Vivado: {step}"
        for step in ("synthesis", "optimization", "placement", "routing", "reports", "bitstream")
    ]


def test_vivado_that_is_not_there(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        ToolError,
        match=r"vivado is not on PATH: install AMD Vivado 2020\.1 or later with the"
        r" devices of xc7z045ffg900-2 and run its settings64\.sh, or copy the folder",
    ) as error:
        vivado.make(made, silent)
    assert error.value.exit_code == 3


def test_missing_board_files(made: Project, pretend: Pretend) -> None:
    (made.folder / "bitrill.bit").write_text("of an earlier run")
    pretend(boards="")
    with pytest.raises(ToolError, match=r"board files of zc706 \(xilinx\.com:zc706\)") as error:
        vivado.make(made, silent)
    assert (error.value.exit_code, left(made)) == (3, [])


def test_no_board_files_are_needed_where_linux_runs(
    made: Project, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(boards="")
    monkeypatch.setenv("BITRILL_PART_ONLY", "1")
    assert vivado.make(made, silent).bitstream == "bitrill.bit"


def test_a_step_that_fails(made: Project, pretend: Pretend) -> None:
    """The script says which step; Vivado's first error says why."""
    why = "ERROR: [Synth 8-439] module 'top' not found\nERROR: [Common 17-69] Command failed"
    pretend(fail="synth_design", says=why)
    with pytest.raises(
        ToolError,
        match=r"Vivado: synthesis failed: .*'synth_design' failed due to earlier"
        r" errors\.: \[Synth 8-439\] module 'top' not found \(log: vivado\.log\)",
    ) as error:
        vivado.make(made, silent)
    assert (error.value.exit_code, left(made)) == (4, [])
    assert error.value.details["log"] == "vivado.log"


@pytest.mark.parametrize(
    "says",
    [
        "ERROR: [Place 30-640] Place Check : This design requires more Slice LUTs cells than are"
        " available in the target device.",
        "ERROR: [DRC UTLZ-1] Resource utilization: LUT as Logic over-utilized in Top Level Design",
    ],
)
def test_a_network_that_is_too_large(says: str, made: Project, pretend: Pretend) -> None:
    pretend(fail="place_design", says=says)
    name = made.graph.name
    with pytest.raises(
        FitError, match=rf"{name} does not fit zc706 \(xc7z045ffg900-2\): \[.*; fold it further"
    ) as error:
        vivado.make(made, silent)
    assert (error.value.exit_code, left(made)) == (6, [])


def test_a_network_that_is_too_slow(made: Project, pretend: Pretend) -> None:
    pretend(wns=-0.7)
    with pytest.raises(
        TimingError,
        match=r"timing is not met: setup slack -0\.7 ns \(timing\.rpt\): 129\.9 MHz of"
        r" 142\.9 MHz; lower --clock-mhz",
    ) as error:
        vivado.make(made, silent)
    assert (error.value.exit_code, left(made)) == (5, [])
    assert error.value.details["fmax_mhz"] == pytest.approx(1000 / 7.7, rel=1e-4)
    assert error.value.details["used"]["lut"] == (4321, 53200)


def test_hold_and_loose_pins_are_no_question_of_speed(made: Project, pretend: Pretend) -> None:
    pretend(whs=-0.1)
    with pytest.raises(TimingError, match=r"hold slack -0\.1 ns \(timing\.rpt\)$"):
        vivado.make(made, silent)
    pretend(loose=2)
    with pytest.raises(TimingError, match=r"not proven: 2 pins have no clock or no constraint"):
        vivado.make(made, silent)


def fake(folder: Path, text: str) -> None:
    (folder.parent / "bin" / "vivado").write_text(f"#!/bin/sh\n{text}\n")


def test_a_vivado_that_ends_otherwise(made: Project, pretend: Pretend) -> None:
    """Vivado's own exit codes are not mistaken for the script's."""
    for code in (1, 3, 5, 139):
        fake(made.folder, f"echo 'ERROR: [Common 17-345] no licence'; exit {code}")
        with pytest.raises(
            ToolError, match=rf"Vivado: vivado ended with status {code}: \[Common 17-345\] no"
        ) as error:
            vivado.make(made, silent)
        assert error.value.exit_code == 4


def test_helpers_that_outlive_vivado_are_not_waited_for(made: Project, pretend: Pretend) -> None:
    """Else this test does not end: they have its output open."""
    fake(
        made.folder, "sleep 600 & echo $! > helper; printf 'ERROR: [Model 1-1] at the end'; exit 1"
    )
    with pytest.raises(ToolError, match=r"status 1: \[Model 1-1\] at the end"):
        vivado.make(made, silent)
    helper = int((made.folder / "helper").read_text())
    assert running(helper)
    os.kill(helper, signal.SIGKILL)


def test_results_that_are_not_there(made: Project, pretend: Pretend) -> None:
    """Results of an earlier run are not taken for those of this one."""
    for name in ("bitrill.bit", "bitrill.hwh", "result.json"):
        (made.folder / name).write_text("{}")
    fake(made.folder, "exit 0")
    with pytest.raises(
        ToolError, match=r"vivado wrote no bitrill\.bit, bitrill\.hwh, result\.json"
    ):
        vivado.make(made, silent)
    fake(made.folder, "touch bitrill.bit bitrill.hwh; echo '{\"used\": 3}' > result.json")
    with pytest.raises(ToolError, match=r"result\.json was not written by build\.tcl: KeyError"):
        vivado.make(made, silent)


def test_a_vivado_that_cannot_be_run(made: Project, pretend: Pretend) -> None:
    (made.folder.parent / "bin" / "vivado").write_bytes(b"\0")
    with pytest.raises(StorageError, match="cannot run vivado: Exec format error"):
        vivado.make(made, silent)


def test_an_interrupt_ends_vivado(made: Project, pretend: Pretend) -> None:
    """An interrupt ends Vivado and its children, and leaves no bitstream."""
    pids = made.folder / "pids"
    fake(
        made.folder,
        f"sh -c 'echo $$ >> pids; exec sleep 60' & echo $$ >> pids\n"
        f"while [ $(wc -l < '{pids.name}') -lt 2 ]; do sleep 0.01; done\n"
        "touch bitrill.hwh; echo 'BITRILL STEP 9/11 routing'; exec sleep 60",
    )

    def interrupt(what: str, done: int, total: int) -> None:
        if what.endswith("routing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vivado.make(made, interrupt)
    for pid in map(int, pids.read_text().split()):
        for _ in range(30_000):
            if not running(pid):
                break
            time.sleep(0.01)
        assert not running(pid)
    assert not (made.folder / "bitrill.bit").exists()


def test_a_model_that_hangs_is_ended_too(made: Project, pretend: Pretend) -> None:
    pretend(hang="place_design")

    def interrupt(what: str, done: int, total: int) -> None:
        if what.endswith("placement"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vivado.make(made, interrupt)
    assert left(made) == []


def running(pid: int) -> bool:
    """Whether the process runs and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] not in ("", "Z")
