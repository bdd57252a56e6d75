"""Engines cocotb and icarus: run a job under cocotb, on Verilator or Icarus Verilog.

cocotb's runner runs in a separate process; the bench inside the simulator is `cocotb_bench`. The
Verilator model is the one that `verilator` builds, linked with cocotb's main program, so neither
make nor perl is needed. One model serves all jobs of a design.
"""

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from bitrill.errors import StorageError, ToolError
from bitrill.progress import Progress, silent
from bitrill.provenance import fingerprint, is_ours, remember
from bitrill.storage import read_bytes, read_json, write_json, write_text

from .bench import CYCLE_NS, RESET_CYCLES
from .contents import separate
from .job import Capture, Job, Violation
from .ports import Dut
from .tools import (
    Command,
    digest,
    discard,
    icarus,
    install,
    require_cocotb,
    run_all,
    scratch_folder,
)
from .verilator import model

Simulator = Literal["verilator", "icarus"]

BENCH = "bitrill_sim.cocotb_bench"


def simulate(
    dut: Dut,
    job: Job,
    work: Path,
    *,
    simulator: Simulator = "verilator",
    models: Path | None = None,
    progress: Progress = silent,
) -> Capture:
    """Run a job, whose input files have already been written, under cocotb.

    Only Icarus writes waves. ``models``: folder of Verilator models, ``work`` if None.
    """
    require_cocotb()
    build = _verilator_model if simulator == "verilator" else _icarus_model
    place = (models or work) if simulator == "verilator" else work
    folder = build(dut, place, job, progress)
    spec = {
        "simulator": simulator,
        "top": dut.top,
        "build": str(folder.resolve()),
        "plusargs": list(dut.plusargs),
        "names": dut.ports.names,
        "reset_level": dut.ports.reset_level,
        "numbers": job.numbers,
        "wave": None if job.wave is None else str(job.wave.resolve()),
    }
    for name in ("result.json", "results.xml", "progress"):
        (job.folder / name).unlink(missing_ok=True)
    write_json(job.folder / "job.json", spec)
    log = job.folder / "cocotb.log"
    log.unlink(missing_ok=True)
    spec_path = str((job.folder / "job.json").resolve())
    run_all(
        [Command([sys.executable, "-P", "-m", "bitrill_sim.cocotb_sim", spec_path], "cocotb")],
        log,
        cwd=job.folder,
        env=_environment(),
        poll=lambda: _report(job, progress),
    )
    return _capture(job, log)


def _capture(job: Job, log: Path) -> Capture:
    """Read the results; `ToolError` unless the simulator ended and cocotb agrees with the bench."""
    from cocotb_tools.check_results import get_results

    try:
        tests, failed = get_results(job.folder / "results.xml")
        result = read_json(job.folder / "result.json")
    except (RuntimeError, StorageError) as error:
        raise ToolError(f"the simulation under cocotb failed; see {log}", log=str(log)) from error
    good = result["status"] == "done" and not result["violations"]
    if tests != 1 or (failed == 0) is not good:
        raise ToolError(f"the simulation under cocotb failed; see {log}", log=str(log))
    violations = tuple(Violation(*v) for v in result["violations"])
    return Capture(job, result["status"], result["cycles"], violations)


def _report(job: Job, progress: Progress) -> None:
    try:
        done = int((job.folder / "progress").read_text() or 0)
    except (OSError, ValueError):
        return
    progress("simulating", done, job.frames)


def _environment() -> dict[str, str]:
    """Return this process's environment without the variables that change cocotb's runner."""
    drop = ("PYTEST_", "COCOTB_", "WAVES", "GUI", "SIM_CMD_")
    return {k: v for k, v in os.environ.items() if not k.startswith(drop)}


def _verilator_model(dut: Dut, work: Path, job: Job, progress: Progress) -> Path:
    import cocotb_tools.config

    if job.wave is not None:
        raise ToolError("waves of a Verilator model must come from engine verilator, not cocotb")
    main = Path(cocotb_tools.config.share_dir) / "lib" / "verilator" / "verilator.cpp"
    libs = str(cocotb_tools.config.libs_dir)
    flags = (f"-Wl,-rpath,{libs}", f"-L{libs}", "-lcocotbvpi_verilator")
    quick = replace(dut, level=dut.level or "-O0")  # most of the time is spent in Python
    # memory contents stay out of the model: one model serves designs that differ only in them
    apart = separate(dut.sources)
    apart.leave(job.folder)
    built = model(quick, work, apart=apart, progress=progress)
    also = ("verilated_vpi", "verilated_dpi")
    return built.program(dut.top, main, flags=flags, also=also).parent


def _icarus_model(dut: Dut, work: Path, job: Job, progress: Progress) -> Path:
    """Compile ``sim.vvp``, which cocotb's runner looks for; return its folder."""
    compiler = icarus()
    sources = [read_bytes(s) for s in dut.sources]
    wave = None if job.wave is None else str(job.wave.resolve())
    key = digest(compiler, dut.top, *dut.flags, wave or "", str(job.wave_from), *sources)
    folder = work / f"icarus-{key}"
    if (folder / "sim.vvp").is_file() and is_ours(fingerprint("vvp", folder / "sim.vvp")):
        return folder
    progress("building the simulator", 0, 0)
    scratch = scratch_folder(".icarus.", work)
    try:
        files = [str(s.resolve()) for s in dut.sources]
        tops = ["-s", dut.top]
        if wave is not None:
            write_text(scratch / "dump.v", _dump(wave, dut.top, job.wave_from))
            files, tops = [*files, "dump.v"], [*tops, "-s", "bitrill_dump"]
        write_text(scratch / "scale.f", "+timescale+1ns/1ps\n")
        log = work / f"{folder.name}.log"
        command = [compiler, "-g2012", "-o", "sim.vvp", *tops, "-f", "scale.f", *dut.flags, *files]
        run_all([Command(command, "iverilog")], log, cwd=scratch)
        remember(fingerprint("vvp", scratch / "sim.vvp"))
        discard(folder)
        install(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _dump(wave: str, top: str, first: int) -> str:
    """Return a Verilog module that writes the waves from cycle ``first`` onwards."""
    begin = f"$dumpfile({json.dumps(wave)}); $dumpvars(0, {top});"
    if first > 0:
        begin += f" $dumpoff; #{(first + RESET_CYCLES) * CYCLE_NS} $dumpon;"
    return f"module bitrill_dump();\n  initial begin {begin} end\nendmodule\n"


def main(path: str) -> None:
    """Run one job, whose model has been built, under cocotb's runner.

    `simulate` starts this module as a program, with the path of the job's ``job.json``.
    """
    from cocotb_tools.runner import get_runner

    from .cocotb_bench import SPEC

    spec: dict[str, Any] = json.loads(Path(path).read_text())
    if spec["wave"] is not None:
        os.environ["SIM_CMD_SUFFIX"] = "-vcd"  # else the runner chooses a format of its own
    runner = get_runner(spec["simulator"])
    runner.test(
        test_module=BENCH,
        hdl_toplevel=spec["top"],
        hdl_toplevel_lang="verilog",
        build_dir=spec["build"],
        test_dir=str(Path(path).parent),
        results_xml=str(Path(path).parent / "results.xml"),
        plusargs=spec["plusargs"],
        extra_env={SPEC: path},
    )


if __name__ == "__main__":
    main(sys.argv[1])
