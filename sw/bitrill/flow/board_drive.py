"""`drive`: frames through a board, or through its shell in simulation, against the golden model."""

from __future__ import annotations

import platform
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SpecError, ToolError
from ..storage import write_array
from .boards import board_folder
from .compiling import Build, load_build
from .data import read_array, to_integers
from .extras import Progress, extra, silent
from .verbs import Outputs, integers_beside
from .weights import Weights, read_weights, register_writes, with_weights

BOARDS_OWN = ("armv7l", "aarch64")
"""Machines that a Zynq's processor may be."""

TRANSPORTS = ("uart", "pynq", "linux", "simulation")


@dataclass(frozen=True, eq=False)
class Driven:
    """What came back; ``report``: `bitrill_boards.driver.Driver.report`; ``wrong``: indices of
    frames that differ from what they must be in any bit; ``notes``: of the link, for people."""

    board: str
    transport: str
    outputs: Outputs
    wrong: np.ndarray
    report: dict[str, Any]
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return len(self.wrong) == 0

    @property
    def timed(self) -> bool:
        """Whether time by the clock on the wall tells of the board."""
        return self.transport != "simulation" and self.report["frames"] > 0

    @property
    def share(self) -> float | None:
        """Of the roofline, what was reached: over AXI by the hardware's own cycles, simulated or
        not; over a serial line by the clock on the wall, so not in simulation."""
        known = self.timed or self.report.get("limit") != "uart"
        return self.report.get("system") if known else None

    def json(self) -> dict[str, Any]:
        """The object that ``drive --json`` prints."""
        r = self.report
        return {
            "ok": self.ok,
            "board": self.board,
            "transport": self.transport,
            "samples": len(self.outputs.integers),
            "mismatches": len(self.wrong),
            "first_mismatch": None if self.ok else int(self.wrong[0]),
            "cycles_per_frame": r.get("cycles_per_frame"),
            "fps_hardware": r.get("fps_hardware"),
            "fps_core": r.get("fps_core"),
            "core_share": r.get("roofline"),
            "fps_wall": r["fps_wall"] if self.timed else None,
            "fps_system": r.get("fps_system"),
            "limit": r.get("limit"),
            "system_share": self.share,
            "files": list(self.files),
            "notes": list(self.notes),
        }


def drive(
    board: str,
    build: str | Path | Build,
    x: str | Path | np.ndarray | None = None,
    *,
    out: str | Path | None = None,
    source: str | Path | None = None,
    transport: str | None = None,
    port: str | None = None,
    self_test: bool = False,
    samples: int | None = None,
    weights: str | Path | Weights | None = None,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> Driven:
    """Run frames on a board and compare each bit with the golden model.

    ``x``: floats or integers ``[N, *shape of the model's input]`` or a .npy file; the recorded
    frames of the board's folder with ``self_test`` or where it is None. ``samples``: the first so
    many. ``weights``: other ones for a build of style runtime, written before (see
    `with_weights`); they stay until others are, or the bitstream is loaded anew. ``out``: floats to
    ``Y.npy``, integers to ``Y.int.npy``. ``source``: the folder that `build` left,
    ``boards/BOARD`` in the build when None. ``transport``: one of `TRANSPORTS`, by the board when
    None; ``port``: of the serial line. Raises `ToolError` where the board does not answer as it
    must.
    """
    if transport is not None and transport not in TRANSPORTS:
        raise SpecError(f"transport must be one of {', '.join(TRANSPORTS)}, not {transport!r}")
    if x is not None and self_test:
        raise SpecError("a self-test takes the recorded frames: give no input of your own")
    if samples is not None and samples < 1:
        raise SpecError(f"samples must be at least 1, not {samples}")
    target = None if out is None else Path(out)
    if target is not None and target.suffix != ".npy":
        raise SpecError(f"the output file must end in .npy, not {target.name!r}")
    with extra("boards", "drive"):
        from bitrill_boards import driver, manifest
    built = build if isinstance(build, Build) else load_build(build)
    found = board_folder(board, built, source, folder)
    manifest.require(found.folder, found.manifest, ["network.json"])
    images, wanted = _frames(found, built, x, samples)
    access, golden = [], built.graph
    if weights is not None:
        arrays = read_weights(weights) if isinstance(weights, str | Path) else weights
        access, golden, wanted = register_writes(built, arrays), with_weights(built, arrays), None
    try:
        used, link = _transport(found, built, transport, port, progress)
        with closing(link):
            network = driver.Network.read(found.folder / "network.json")
            runs = driver.Driver(network, link, roofline=found.manifest.roofline)
            if access:
                progress("writing weights", 0, 0)
                runs.write_weights(access)
            integers, floats = runs.run(images, progress)
    except driver.DriverError as error:
        raise ToolError(str(error)) from error
    if wanted is None:
        wanted = golden.run(to_integers(golden, images))
    differ = integers.reshape(len(integers), -1) != wanted.reshape(len(wanted), -1)
    if target is not None:
        write_array(target, floats)
        write_array(integers_beside(target), integers)
    files = () if target is None else (str(target), str(integers_beside(target)))
    return Driven(
        found.board.name,
        used,
        Outputs(integers, floats),
        np.flatnonzero(differ.any(1)),
        runs.report(),
        files,
        link.notes,
    )


def _frames(
    found: Any, build: Build, x: str | Path | np.ndarray | None, samples: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """``(images, outputs)``: those recorded, or given ones, whose outputs are not known yet."""
    from bitrill_boards import manifest, vectors

    if x is None:
        manifest.require(found.folder, found.manifest, [vectors.NAME])
        images, wanted = vectors.read(found.folder)
        return images[:samples], wanted[:samples]
    images = read_array(Path(x)) if isinstance(x, str | Path) else np.asarray(x)
    images = images[:samples]
    if images.ndim and not len(images):
        raise SpecError("the data must hold at least one sample, not 0")
    to_integers(build.graph, images[:1])  # its shape and range, before anything is opened
    return images, None


def _transport(
    found: Any, built: Build, kind: str | None, port: str | None, progress: Progress
) -> tuple[str, Any]:
    """``(its name, transport)`` to the board, or to its shell in simulation."""
    if kind == "simulation":
        if port is not None:
            raise SpecError("a port is a board's: a simulation takes none")
        progress("building the simulation", 0, 0)
        with extra("sim", "drive --transport simulation"):
            return kind, _simulated(found, built)
    from bitrill_boards.driver import opening

    if kind is None and found.board.zynq and platform.machine() not in BOARDS_OWN:
        raise ToolError(
            f"this computer is no {found.board.name}: copy {found.folder} to the board and run"
            " in it python3 -m bitrill_driver . --self-test; or give --transport simulation"
        )
    return opening.open_transport(found.folder, kind, port)


def _simulated(found: Any, built: Build) -> Any:
    """The board's shell in Verilator, with the network inside."""
    from bitrill_boards.shell.network_instance import Edges

    edges = Edges.of(built.graph, built.predicted.ii)
    work = (found.folder / "simulation").absolute()
    clock_hz = round(found.manifest.clock * 1_000_000)
    if found.board.zynq:
        from bitrill_boards.driver import AxiTransport
        from bitrill_boards.families.zynq import families
        from bitrill_boards.simulation.simulated_axi import AxiStalls, SimulatedShell

        shell = SimulatedShell(
            built.verilog,
            edges,
            work=work,
            clock_hz=clock_hz,
            bench=AxiStalls(latency=100),
            address=families()[found.board.family].address,
        )
        return AxiTransport(shell.registers, shell.memory, clock_hz=clock_hz)
    from bitrill_boards.driver import SerialTransport
    from bitrill_boards.simulation.simulated_serial import SimulatedLine

    return SerialTransport(SimulatedLine(built.verilog, edges, work=work, clock_hz=clock_hz))
