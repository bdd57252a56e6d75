"""Engine verilator: whole data sets through a Verilator model, with a C++ bench (``harness.cpp``).

The model is compiled without Verilator's makefiles, so a C++ compiler is all it needs. It is kept
under the digest of everything that went into it, so a second run starts at once. Verilator's own
runtime is compiled once for all designs.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bitrill.errors import StorageError, ToolError
from bitrill.processes import start, stop
from bitrill.progress import Progress, silent
from bitrill.provenance import fingerprint, fingerprint_of_files, is_ours, remember
from bitrill.storage import read_bytes, write_text

from .job import Capture, Job, Violation
from .ports import Dut
from .tools import (
    Command,
    Verilator,
    cache_folder,
    compiler,
    digest,
    discard,
    install,
    run_all,
    verilator,
)

_HARNESS = Path(__file__).with_name("harness.cpp")
_DESIGN_H = Path(__file__).with_name("design.h")
_DESIGN = Path(__file__).with_name("design.cpp")
_RUNTIME = ("verilated", "verilated_threads")
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
_TRACE = (
    "--trace-vcd",
    "--trace-underscore",
    "--trace-max-width",
    "1048576",
    "--trace-max-array",
    "0",
)
_UNIT_BYTES = 1 << 20
"""Approximate size of the C++ files that are compiled together."""

SHORT_RUN = 400_000
"""Cycles up to which optimising a model takes more time than it saves, whatever its size.

A MB of C++ takes 0.9 s longer at ``-O1`` than at ``-O0``, and 2.3 us a cycle less. At ``-O2`` it is
no faster than at ``-O1``.
"""

_CXX = ("-std=gnu++17", "-pipe", "-DVERILATOR=1", "-DVM_SC=0", "-DVM_COVERAGE=0")


@dataclass(frozen=True, kw_only=True)
class CompiledModel:
    """A compiled design; ``folder`` holds its objects and its generated C++."""

    folder: Path
    dut: Dut
    trace: bool
    tool: Verilator
    cxx: str
    runtime: Path

    @property
    def log(self) -> Path:
        return self.folder.parent / f"{self.folder.name}.log"

    @property
    def defines(self) -> tuple[str, ...]:
        """Compiler flags that all parts must share."""
        t, root = int(self.trace), self.tool.root
        return (
            *_CXX,
            f"-DVM_TRACE={t}",
            f"-DVM_TRACE_VCD={t}",
            "-DVM_TRACE_FST=0",
            "-DVM_TRACE_SAIF=0",
            f"-I{root / 'include'}",
            f"-I{root / 'include' / 'vltstd'}",
            "-Igen",
        )

    def level(self, source: Path) -> str:
        """Return the optimisation of a file: none for code that runs once."""
        runs_once = "Slow" in source.stem or "Trace" in source.stem
        return "-O0" if runs_once else self.dut.level or "-O1"

    def compile(self, source: Path, obj: Path, level: str) -> Command:
        """Return the command that compiles a C++ file."""
        arguments = [self.cxx, level, *self.defines, "-c", str(source), "-o", str(obj)]
        return Command(arguments, f"compiling {source.name}")

    def program(
        self, name: str, main: Path, *, flags: Iterable[str] = (), also: Iterable[str] = ()
    ) -> Path:
        """Return the executable ``name`` of the program ``main``; link it the first time.

        ``main`` is compiled with the model's headers. ``also``: further parts of the runtime;
        ``flags``: of the linker.
        """
        return self._linked(name, main, self._main, flags, also)

    def bench(self, name: str, main: Path) -> Path:
        """Return the executable ``name`` of a bench, which knows the model by ``design.h`` alone.

        The bench is compiled once for all models, then linked with each.
        """
        return self._linked(name, main, self._bench, (), ())

    def _linked(
        self,
        name: str,
        main: Path,
        compiled: Callable[[Path, Path], Path],
        flags: Iterable[str],
        also: Iterable[str],
    ) -> Path:
        out = self.folder / f"main-{digest(read_bytes(main), *flags, *also)}" / name
        if out.is_file() and is_ours(fingerprint("program", out)):
            return out
        also = (*also, *(("verilated_vcd_c",) if self.trace else ()))
        objects = [str(o) for o in sorted(self.folder.glob("*.o"))]
        objects += [str(self.part(p)) for p in (*_RUNTIME, *also)]
        with tempfile.TemporaryDirectory(prefix=".link.", dir=self.folder) as scratch:
            obj, linked = compiled(main, Path(scratch)), Path(scratch) / out.name
            link = [self.cxx, "-o", str(linked), str(obj), *objects, *flags, "-lpthread"]
            run_all([Command(link, f"linking {name}")], self.log, cwd=self.folder)
            out.parent.mkdir(exist_ok=True)
            remember(fingerprint("program", linked))
            linked.replace(out)
        return out

    def _main(self, main: Path, scratch: Path) -> Path:
        """Compile a program's main file with the model's headers; return the object."""
        obj = scratch / "main.o"
        run_all([self.compile(main, obj, self.level(main))], self.log, cwd=self.folder)
        return obj

    def _bench(self, main: Path, scratch: Path) -> Path:
        """Return the object of a bench, compiled for all designs."""
        key = digest(read_bytes(main), read_bytes(_DESIGN_H))
        include = f"-I{_DESIGN_H.parent}"
        arguments = [self.cxx, "-O2", "-std=gnu++17", "-pipe", include, "-c", str(main.resolve())]
        return self._once(f"{main.stem}-{key}", arguments, f"compiling {main.name}")

    def part(self, name: str) -> Path:
        """Return a part of Verilator's runtime, compiled for all designs."""
        source = self.tool.root / "include" / f"{name}.cpp"
        arguments = [self.cxx, "-O1", *self.defines, "-c", str(source)]
        suffix = "-trace" if self.trace else ""
        return self._once(f"{name}{suffix}", arguments, f"compiling {source.name}")

    def _once(self, name: str, arguments: list[str], label: str) -> Path:
        """Return the object ``name`` that all designs share; the first time, compile it."""
        out = self.runtime / f"{name}.o"
        if not out.is_file() or not is_ours(fingerprint("part", out)):
            self.runtime.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=self.runtime) as scratch:
                obj = Path(scratch) / "part.o"
                run_all([Command([*arguments, "-o", str(obj)], label)], self.log, cwd=self.folder)
                remember(fingerprint("part", obj))
                obj.replace(out)
        return out


def _fingerprint(folder: Path) -> str:
    """Return the fingerprint of a model's objects and C++, from which programs are made."""
    files = (*folder.glob("*.o"), *folder.glob("gen/*"))
    return fingerprint_of_files(folder, files, "model")


def model(
    dut: Dut, work: Path, *, trace: bool = False, progress: Progress = silent
) -> CompiledModel:
    """Compile a design, or take its model from ``work`` if one made here is there already."""
    tool, cxx = verilator(), compiler()
    flags = (*_TRANSLATE, *(_TRACE if trace else ()), *dut.flags)
    sources = [read_bytes(s) for s in (_DESIGN_H, _DESIGN, *dut.sources)]
    names = sorted(dut.ports.names.values())
    key = digest(
        tool.version, str(tool.program), cxx, dut.top, dut.level, *flags, *names, *_CXX, *sources
    )
    runtime = digest(tool.version, str(tool.program), cxx, *_CXX)
    built = CompiledModel(
        folder=work / f"model-{key}",
        dut=dut,
        trace=trace,
        tool=tool,
        cxx=cxx,
        runtime=cache_folder(work) / f"verilated-{runtime}",
    )
    try:
        if not built.folder.is_dir() or not is_ours(_fingerprint(built.folder)):
            progress("building the simulator", 0, 0)
            work.mkdir(parents=True, exist_ok=True)
            discard(built.folder)
            _build(built, flags, names)
    except OSError as error:
        raise StorageError(f"cannot write {work}: {error.strerror or error}") from error
    return built


def _build(built: CompiledModel, flags: Iterable[str], names: list[str]) -> None:
    """Translate and compile in a scratch folder, then rename it: an existing folder is whole."""
    dut, scratch = built.dut, Path(tempfile.mkdtemp(prefix=".model.", dir=built.folder.parent))
    try:
        built.log.unlink(missing_ok=True)
        gen = scratch / "gen"
        config = "".join(f'public_flat_rw -module "{dut.top}" -var "{n}"\n' for n in names)
        write_text(scratch / "ports.vlt", f"`verilator_config\n{config}")
        sources = [str(s.resolve()) for s in dut.sources]
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
    """Return the files to compile together, and their optimisation; the largest unit first.

    Small files share the headers, which take longer to compile than the files themselves.
    """
    units: list[tuple[int, str, list[Path]]] = []
    for level in ("-O1", "-O0"):
        size, unit = 0, []
        for f in (f for f in files if built.level(f) == level):
            if size + f.stat().st_size > _UNIT_BYTES and unit:
                units.append((size, level, unit))
                size, unit = 0, []
            size, unit = size + f.stat().st_size, [*unit, f]
        if unit:
            units.append((size, level, unit))
    return [(level, unit) for _, level, unit in sorted(units, key=lambda u: -u[0])]


def simulate(dut: Dut, job: Job, work: Path, *, progress: Progress = silent) -> Capture:
    """Run a job, whose input files are written, with the C++ bench."""
    if not dut.level and job.cycles <= SHORT_RUN:
        dut = replace(dut, level="-O0")
    built = model(dut, work, trace=job.wave is not None, progress=progress)
    program = built.bench("harness", _HARNESS)
    names = ["x", "source", "sink", "y", "in", "out", "access"]
    names += [f"{n}{k}" for k in range(len(job.words)) for n in ("words", "feed", "fed")]
    files = {n: job.folder / f"{n}.bin" for n in names}
    options: dict[str, object] = {**job.numbers, **files}
    if job.wave is not None:
        options |= {"wave": job.wave, "wave_from": job.wave_from}
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
        process = start(arguments, stdout=subprocess.PIPE, stderr=errors)
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
        raise ToolError(
            f"the simulation failed with exit code {code}; see {log}",
            command=arguments,
            log=str(log),
        )
    progress("simulating", job.frames, job.frames)
    return Capture(job, result[0], int(result[1]), tuple(violations))
