"""The verb `drive`: runs frames on a board, or on its simulated shell, and compares the outputs.

Every output bit is compared with the recorded outputs or with the golden model.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SpecError, StorageError, ToolError
from ..storage import read_bytes, write_text
from .boards import BoardFolder, board_folder
from .builds import Build, BuildLike, open_build
from .data import read_array, to_integers
from .drive_result import Driven, Rates
from .extras import Progress, extra, logged
from .running import output_file, write_outputs
from .verilog_file import write_verilog
from .weights import Weights, replace_weights

if TYPE_CHECKING:
    from bitrill_boards.driver import Driver

ZYNQ_PROCESSORS = ("armv7l", "aarch64")
"""Machine names of the processors inside a Zynq."""

TRANSPORTS = ("uart", "pynq", "linux", "simulation")


def drive(
    board: str,
    build: BuildLike,
    input: str | Path | np.ndarray | None = None,
    *,
    out: str | Path | None = None,
    source: str | Path | None = None,
    transport: str | None = None,
    port: str | None = None,
    self_test: bool = False,
    samples: int | None = None,
    weights: str | Path | Weights | None = None,
    boards: str | Path | None = None,
    progress: Progress = logged,
) -> Driven:
    """Run frames on a board and compare every output bit.

    ``input``: floats or integers ``[N, *shape of the model's input]``, or a .npy file; if None or
    with ``self_test``, the frames recorded in the board's folder. ``samples``: number of frames to
    use. ``weights``: written first, into a build of style runtime (see `with_weights`); they stay
    until others are written or the bitstream is loaded again. ``out``: as for `run`. ``source``:
    the folder that `build` wrote, by default ``boards/BOARD`` in the build. ``transport``: one of
    `TRANSPORTS`, by default the board's; ``port``: the serial port. ``boards``: a folder of
    additional boards. Raises `ToolError` if the board does not answer correctly.
    """
    _check(transport, input is not None and self_test, samples)
    target = None if out is None else output_file(out)
    with extra("boards", "drive"):
        from bitrill_boards import driver
    _require_kind(board, boards, transport, port)
    built = open_build(build)
    place = board_folder(board, built, source, boards)
    _require_network(place)
    images, expected = _frames(place, built, input, samples)
    golden, registers = replace_weights(built, weights)
    try:
        used, link = _transport(place, built, transport, port, progress)
        with closing(link):
            network = driver.Network.read(place.folder / "network.json")
            runner = driver.Driver(network, link, roofline=place.manifest.roofline)
            integers, outputs = _run(runner, registers, images, progress)
    except driver.UsageError as error:
        raise SpecError(str(error)) from error
    except driver.DriverError as error:
        raise ToolError(str(error)) from error
    if expected is None or weights is not None:  # recorded outputs belong to the old weights
        expected = golden.run(to_integers(golden, images))
    differ = integers.reshape(len(integers), -1) != expected.reshape(len(expected), -1)
    return Driven(
        place.board.name,
        used,
        write_outputs(target, integers, outputs),
        np.flatnonzero(differ.any(1)),
        Rates.of(runner.report(), simulated=used == "simulation"),
        tuple(link.notes),
    )


def _require_network(place: BoardFolder) -> None:
    """Raise `StorageError` unless the folder's ``network.json`` describes this network."""
    from bitrill_boards import board_folder, manifest

    name = "network.json"
    manifest.require(place.folder, place.manifest, [name])
    if read_bytes(place.folder / name) != board_folder.network_file(place.project):
        raise StorageError(
            f"{place.folder / name} is not what Bitrill writes for this network; build it again"
        )


def _check(transport: str | None, both: bool, samples: int | None) -> None:
    """Raise `SpecError` for impossible options, before anything is opened."""
    if transport is not None and transport not in TRANSPORTS:
        raise SpecError(f"transport must be one of {', '.join(TRANSPORTS)}, not {transport!r}")
    if both:
        raise SpecError("a self-test uses the recorded frames: give no input")
    if samples is not None and samples < 1:
        raise SpecError(f"samples must be at least 1, not {samples}")


def _require_kind(
    board: str, boards: str | Path | None, transport: str | None, port: str | None
) -> None:
    """Raise `SpecError` if the board has no such transport, before anything else is looked at."""
    from bitrill_boards.board import find
    from bitrill_boards.driver import UsageError
    from bitrill_boards.driver.opening import kind_for

    chosen = find(board, boards)
    if transport not in (None, "simulation"):
        try:
            kind_for(chosen.link, chosen.name, transport, port)
        except UsageError as error:
            raise SpecError(str(error)) from None


def _run(
    runner: Driver, registers: Sequence[tuple[int, int]], images: np.ndarray, progress: Progress
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Write registers, if any, then run the frames; return integers, and outputs by name."""
    if registers:
        progress("writing weights", 0, 0)
        runner.write_weights(registers)
    return runner.run_named(images, progress)


def _frames(
    place: BoardFolder, build: Build, x: str | Path | np.ndarray | None, samples: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return ``(images, outputs)``: recorded ones, or given ones without known outputs."""
    from bitrill_boards import manifest, vectors

    if x is None:
        manifest.require(place.folder, place.manifest, [vectors.NAME])
        images, outputs = vectors.read(place.folder)
        return images[:samples], outputs[:samples]
    images = read_array(Path(x)) if isinstance(x, str | Path) else np.asarray(x)
    images = images[:samples]
    if images.ndim and not len(images):
        raise SpecError("the data must hold at least one sample, not 0")
    to_integers(build.graph, images[:1])  # refuse a wrong shape or range before opening a port
    return images, None


def _transport(
    place: BoardFolder, built: Build, kind: str | None, port: str | None, progress: Progress
) -> tuple[str, Any]:
    """Return the transport to the board, or to its simulated shell, and its name."""
    if kind == "simulation":
        if port is not None:
            raise SpecError("a simulation has no port")
        progress("building the simulation", 0, 0)
        built.checked_verilog()
        with extra("sim", "drive --transport simulation"):
            return kind, _simulated(place, built)
    from bitrill_boards.driver import opening

    if kind is None and place.board.zynq and platform.machine() not in ZYNQ_PROCESSORS:
        raise ToolError(
            f"this computer is not a {place.board.name}: copy {place.folder} to the board and run"
            " python3 -m bitrill_driver . --self-test in it; or give --transport simulation"
        )
    return opening.open_transport(place.folder, kind, port)


def _simulated(place: BoardFolder, built: Build) -> Any:
    """Return the transport of the board's shell in Verilator, with the network inside."""
    from bitrill_boards.shell.network_instance import Edges

    counters = place.manifest.counters
    edges = Edges.of(built.graph, built.predicted.ii, counters=counters)
    work = (place.folder / "simulation").absolute()
    top = built.verilog
    if counters:
        top = work / "top.v"
        write_text(top, write_verilog(built.graph, "drive", watched=True))
    clock_hz = round(place.manifest.clock * 1_000_000)
    if place.board.zynq:
        from bitrill_boards.driver import AxiTransport
        from bitrill_boards.families.zynq import families
        from bitrill_boards.simulation.simulated_axi import AxiStalls, SimulatedShell

        shell = SimulatedShell(
            top,
            edges,
            work=work,
            clock_hz=clock_hz,
            bench=AxiStalls(latency=100),
            address=families()[place.board.family].address,
        )
        return AxiTransport(shell.registers, shell.memory, clock_hz=clock_hz)
    from bitrill_boards.driver import SerialTransport
    from bitrill_boards.simulation.simulated_serial import SimulatedLine

    return SerialTransport(SimulatedLine(built.verilog, edges, work=work, clock_hz=clock_hz))
