"""Engine verilator: runs whole data sets in a Verilator model, with a C++ bench (``harness.cpp``).

The model is compiled without Verilator's makefiles, so only a C++ compiler is needed. It is kept
under the digest of all its inputs, so that a second run starts at once. Verilator's own runtime is
compiled once for all designs.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bitrill.errors import StorageError, ToolError
from bitrill.processes import start, stop
from bitrill.progress import Progress, silent
from bitrill.provenance import fingerprint_of_files, is_ours, remember
from bitrill.storage import read_bytes, write_bytes, write_text

from .compiled_model import CXX, DESIGN_H, CompiledModel, Waves, waves_of
from .contents import Separated, separate
from .job import Capture, Job, Violation
from .ports import Dut
from .tools import (
    Command,
    cache_folder,
    compiler,
    digest,
    discard,
    ending,
    install,
    locked,
    run_all,
    verilator,
)

_HARNESS = Path(__file__).with_name("harness.cpp")
_DESIGN = Path(__file__).with_name("design.cpp")
_TRANSLATE = (
    "--cc",
    "--prefix",
    "Vtop",
    "--vpi",
    "-Wno-fatal",
    "-Wno-lint",
    "--no-timing",
    "-O3",
    "--x-assign",
    "unique",
    "--x-initial",
    "unique",
)
_TRACE = ("--trace-underscore", "--trace-max-width", "1048576", "--trace-max-array", "0")
_UNIT_BYTES = 1 << 20, 1 << 22
"""Least and largest size of the C++ files that are compiled together, if there are so many.

The headers of a unit take as much time as one MB of code. 4 MB take 0.6 GB of memory.
"""

SHORT_RUN = 400_000
"""In runs of up to so many cycles, optimising a model takes more time than it saves.

At ``-O1``, one MB of C++ takes 0.9 s longer to compile than at ``-O0``, and 2.3 us less a cycle. At
``-O2`` it is no faster than at ``-O1``.
"""


def _fingerprint(folder: Path) -> str:
    """Return the fingerprint of a model's objects and C++ files."""
    files = (*folder.glob("*.o"), *folder.glob("gen/*"))
    return fingerprint_of_files(folder, files, "model")


def model(
    dut: Dut,
    work: Path,
    *,
    apart: Separated | None = None,
    trace: Waves = "",
    progress: Progress = silent,
) -> CompiledModel:
    """Compile a design, or return its model in ``work`` if this user has built it before.

    ``apart``: the Verilog to compile, whose tables are read when the simulation starts.
    """
    built, flags = _planned(dut, work, apart, trace)
    try:
        with locked(built.folder, progress):
            if not _is_there(built):
                progress("building the simulator", 0, 0)
                work.mkdir(parents=True, exist_ok=True)
                discard(built.folder)
                _build(built, flags, apart)
        built.folder.touch()
    except OSError as error:
        raise StorageError(f"cannot write {work}: {error.strerror or error}") from error
    return built


def _planned(
    dut: Dut, work: Path, apart: Separated | None, trace: Waves
) -> tuple[CompiledModel, tuple[str, ...]]:
    """Return the model, which may not be built yet, and Verilator's flags."""
    tool, cxx = verilator(), compiler()
    flags = (*_TRANSLATE, *((f"--trace-{trace}", *_TRACE) if trace else ()), *dut.flags)
    verilog = map(read_bytes, dut.sources) if apart is None else apart.sources
    sources = [read_bytes(DESIGN_H), read_bytes(_DESIGN), *verilog]
    runtime = digest(tool.version, str(tool.program), cxx, *CXX)
    built = CompiledModel(
        folder=work,
        dut=dut,
        trace=trace,
        tool=tool,
        cxx=cxx,
        runtime=cache_folder(work) / f"verilated-{runtime}",
    )
    level = built.level(Path("Vtop.cpp"))
    names = built.names
    key = digest(
        tool.version, str(tool.program), cxx, dut.top, level, *flags, *names, *CXX, *sources
    )
    return replace(built, folder=work / f"model-{key}"), flags


def _is_there(built: CompiledModel) -> bool:
    return built.folder.is_dir() and is_ours(_fingerprint(built.folder))


def _build(built: CompiledModel, flags: Iterable[str], apart: Separated | None) -> None:
    """Translate and compile in a scratch folder, then rename it: a model's folder is complete."""
    dut, scratch = built.dut, Path(tempfile.mkdtemp(prefix=".model.", dir=built.folder.parent))
    try:
        built.log.unlink(missing_ok=True)
        gen = scratch / "gen"
        config = "".join(f'public_flat_rw -module "{dut.top}" -var "{n}"\n' for n in built.names)
        write_text(scratch / "ports.vlt", f"`verilator_config\n{config}")
        sources = [str(s.resolve()) for s in dut.sources]
        if apart is not None:
            sources = [f"design{k}.v" for k in range(len(apart.sources))]
            for name, text in zip(sources, apart.sources, strict=True):
                write_bytes(scratch / name, text)
        arguments = [str(built.tool.program), *flags, "--Mdir", str(gen), "--top-module", dut.top]
        run_all(
            [Command([*arguments, "ports.vlt", *sources], "verilator")],
            built.log,
            cwd=scratch,
            env=os.environ | {"VERILATOR_ROOT": str(built.tool.root)},
        )
        write_text(gen / "ports.h", dut.ports.header())
        commands = []
        for k, (level, files) in enumerate(_units(built, sorted(gen.glob("*.cpp")))):
            unit = gen / f"unit{k}.cpp"
            parts = [f.name for f in files] + ([] if k else [str(_DESIGN)])
            write_text(unit, "".join(f'#include "{part}"\n' for part in parts))
            commands.append(built.compile(unit, scratch / f"unit{k}.o", level))
        run_all(commands, built.log, cwd=scratch)
        remember(_fingerprint(scratch))
        install(scratch, built.folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _units(built: CompiledModel, files: list[Path]) -> list[tuple[str, list[Path]]]:
    """Return the units of files to be compiled together, with their optimisation; largest first.

    Small files share a unit, because the headers take longer to compile than the files themselves.
    Each processor gets a unit of each optimisation level.
    """
    units: list[tuple[int, str, list[Path]]] = []
    smallest, largest = _UNIT_BYTES
    for level in ("-O1", "-O0"):
        alike = [f for f in files if built.level(f) == level]
        share = sum(f.stat().st_size for f in alike) // (os.cpu_count() or 1) + 1
        most = min(max(share, smallest), largest)
        size, unit = 0, []
        for f in alike:
            if size + f.stat().st_size > most and unit:
                units.append((size, level, unit))
                size, unit = 0, []
            size, unit = size + f.stat().st_size, [*unit, f]
        if unit:
            units.append((size, level, unit))
    return [(level, unit) for _, level, unit in sorted(units, key=lambda u: -u[0])]


def simulate(
    dut: Dut, job: Job, work: Path, *, models: Path | None = None, progress: Progress = silent
) -> Capture:
    """Run a job, whose input files have already been written, with the C++ bench.

    ``models``: folder of compiled simulators, ``work`` if None.
    """
    apart, folder = separate(dut.sources), models or work
    trace = waves_of(job.wave)
    short = not dut.level and job.cycles <= SHORT_RUN
    if short and not _is_there(_planned(dut, folder, apart, trace)[0]):
        dut = replace(dut, level="-O0")  # not worth optimising
    apart.leave(job.folder)
    built = model(dut, folder, apart=apart, trace=trace, progress=progress)
    program = built.bench("harness", _HARNESS)
    names = ["x", "source", "sink", "y", "in", "out", "access"]
    names += [f"{n}{k}" for k in range(len(job.words)) for n in ("words", "feed", "fed")]
    files = {n: job.folder / f"{n}.bin" for n in names}
    options: dict[str, object] = {**job.numbers, **files}
    if job.wave is not None:
        options |= {"wave": job.wave, "wave_from": job.wave_from, "wave_to": job.wave_to}
        options["wave_zero"] = int(trace == "saif")  # it has no times, only how long
    arguments = [
        str(program.resolve()),
        *(f"--{k}={v.resolve() if isinstance(v, Path) else v}" for k, v in options.items()),
        # registers without an initial value start at random
        "+verilator+rand+reset+2",
        f"+verilator+seed+{job.seed % 0x7FFFFFFE + 1}",
        *dut.plusargs,
    ]
    return _watch(arguments, job, progress)


def _watch(arguments: list[str], job: Job, progress: Progress) -> Capture:
    violations: list[Violation] = []
    result: list[str] = []
    log = job.folder / "harness.log"
    with log.open("wb") as errors:
        process = start(arguments, cwd=job.folder, stdout=subprocess.PIPE, stderr=errors)
        try:
            for line in process.stdout or ():
                match line.decode().split():
                    case ["P", frames, _]:
                        progress("simulating", int(frames), job.frames)
                    case ["V", kind, cycle, beat]:
                        violations.append(Violation(kind, int(cycle), int(beat)))
                    case ["R", *result]:
                        pass
            code = process.wait()
        finally:
            stop(process)
    if code or not result:
        if b"harness: cannot write" in read_bytes(log):
            raise StorageError(f"cannot write {job.folder}: perhaps the disk is full")
        reason = f"the simulation {ending(code)}; see {log}"
        raise ToolError(reason, command=arguments, log=str(log))
    progress("simulating", job.frames, job.frames)
    return Capture(job, result[0], int(result[1]), tuple(violations))
