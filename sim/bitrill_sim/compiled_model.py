"""A compiled Verilator model, and the programs that are linked with it."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bitrill.provenance import fingerprint, is_ours, remember
from bitrill.storage import read_bytes

from .ports import Dut
from .tools import Command, Verilator, digest, run_all

DESIGN_H = Path(__file__).with_name("design.h")
RUNTIME = ("verilated", "verilated_threads")
CXX = ("-std=gnu++17", "-pipe", "-DVERILATOR=1", "-DVM_SC=0", "-DVM_COVERAGE=0")

Waves = Literal["", "vcd", "saif"]
"""Form of the waves that a model writes: none, every change, or how often each signal changes."""


def waves_of(file: Path | None) -> Waves:
    """Return the form of the waves in a file, by its ending."""
    if file is None:
        return ""
    return "saif" if file.suffix == ".saif" else "vcd"


@dataclass(frozen=True, kw_only=True)
class CompiledModel:
    """A compiled design; ``folder`` contains its objects and its generated C++."""

    folder: Path
    dut: Dut
    trace: Waves
    tool: Verilator
    cxx: str
    runtime: Path

    @property
    def log(self) -> Path:
        return self.folder.parent / f"{self.folder.name}.log"

    @property
    def names(self) -> list[str]:
        """Names of the ports that benches can access."""
        return sorted(self.dut.ports.names.values())

    @property
    def defines(self) -> tuple[str, ...]:
        """Compiler flags that all parts must share."""
        t, root = int(bool(self.trace)), self.tool.root
        return (
            *CXX,
            f"-DVM_TRACE={t}",
            f"-DVM_TRACE_VCD={int(self.trace == 'vcd')}",
            "-DVM_TRACE_FST=0",
            f"-DVM_TRACE_SAIF={int(self.trace == 'saif')}",
            f"-I{root / 'include'}",
            f"-I{root / 'include' / 'vltstd'}",
            "-Igen",
        )

    def level(self, source: Path) -> str:
        """Return the optimisation level of a file: none for code that runs only once."""
        runs_once = "Slow" in source.stem or "Trace" in source.stem
        return "-O0" if runs_once else self.dut.level or "-O1"

    def compile(self, source: Path, obj: Path, level: str) -> Command:
        """Return the command that compiles a C++ file."""
        arguments = [self.cxx, level, *self.defines, "-c", str(source), "-o", str(obj)]
        return Command(arguments, f"compiling {source.name}")

    def program(
        self, name: str, main: Path, *, flags: Iterable[str] = (), also: Iterable[str] = ()
    ) -> Path:
        """Return the executable ``name`` of the program ``main``, which is linked the first time.

        ``main`` is compiled with the model's headers. ``also``: further parts of the runtime;
        ``flags``: of the linker.
        """
        return self._linked(name, main, self._main, flags, also)

    def bench(self, name: str, main: Path) -> Path:
        """Return the executable ``name`` of a bench that uses the model only through ``design.h``.

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
        also = (*also, *((f"verilated_{self.trace}_c",) if self.trace else ()))
        objects = [str(o) for o in sorted(self.folder.glob("*.o"))]
        objects += [str(self.part(p)) for p in (*RUNTIME, *also)]
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
        """Return the object of a bench, which is compiled once for all designs."""
        key = digest(read_bytes(main), read_bytes(DESIGN_H))
        include = f"-I{DESIGN_H.parent}"
        arguments = [self.cxx, "-O2", "-std=gnu++17", "-pipe", include, "-c", str(main.resolve())]
        return self._once(f"{main.stem}-{key}", arguments, f"compiling {main.name}")

    def part(self, name: str) -> Path:
        """Return a part of Verilator's runtime, which is compiled once for all designs."""
        source = self.tool.root / "include" / f"{name}.cpp"
        arguments = [self.cxx, "-O1", *self.defines, "-c", str(source)]
        suffix = f"-{self.trace}" if self.trace else ""
        return self._once(f"{name}{suffix}", arguments, f"compiling {source.name}")

    def _once(self, name: str, arguments: list[str], label: str) -> Path:
        """Return the object ``name``, shared by all designs, which is compiled the first time."""
        out = self.runtime / f"{name}.o"
        if not out.is_file() or not is_ours(fingerprint("part", out)):
            self.runtime.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=self.runtime) as scratch:
                obj = Path(scratch) / "part.o"
                run_all([Command([*arguments, "-o", str(obj)], label)], self.log, cwd=self.folder)
                remember(fingerprint("part", obj))
                obj.replace(out)
        return out
