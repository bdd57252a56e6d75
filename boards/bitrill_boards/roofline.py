"""What a board can do with a network: does it fit, how fast is the core, what limits the system.

    core   = clock / interval                                           frames a second, on chip
    axi    = min(port / bytes in, port / bytes out, DDR / all bytes)    port: 8 bytes a cycle
    uart   = (baud / 10) / (bytes + `OVERHEAD`), the longer direction

Frames are dense bits; in memory each starts on 8 bytes, on the line on one. A core that takes an
image a clock cannot be fed from DDR, so both rates stand beside each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bitrill.errors import FitError, SpecError
from bitrill.ir.graph import Graph
from bitrill.ir.types import Tensor
from bitrill.parts.devices import FOUR_FOR_SIX, Part, part_of
from bitrill.resources.estimate import Resources

from .board import Board
from .families.zynq import families

PORT_BYTES = 8
"""The shell's ports are 64 bits wide."""

PORT_SHARE = 0.97
"""Of a port's beats, used at 100 cycles of latency."""

DDR_SHARE = 0.7
"""Of the DDR's peak: what streams reach beside refresh, turns and the processor."""

OVERHEAD = 9
"""Bytes around a frame on the UART: mark, operation, number, length (2), CRC-32."""

SHELL_LUT = 900
"""What the Zynq shell may take."""

LINE_LUT = 1500
"""What the shell of small boards takes, in LUTs of four inputs."""


@dataclass(frozen=True)
class Roofline:
    """``needs`` and ``usable``: by resource, of what is known; rates in frames a second.

    ``limit`` names what the system rate is bounded by: core, port, ddr or uart. ``estimate``: the
    share of usable LUTs of four inputs, at two for each of six, where no more is known.
    """

    board: str
    clock_mhz: float
    needs: dict[str, int]
    usable: dict[str, int]
    core: float
    system: float
    limit: str
    estimate: float | None = None

    @property
    def lacks(self) -> list[str]:
        """Resources of which there are too few, in words."""
        return [
            f"{name} {n:,} of {self.usable[name]:,} usable"
            for name, n in self.needs.items()
            if n > self.usable[name]
        ]

    @property
    def fits(self) -> bool | None:
        """None where nothing is known before place and route."""
        return not self.lacks if self.needs else None

    def to_json(self) -> dict[str, Any]:
        return {
            "clock_mhz": self.clock_mhz,
            "fits": self.fits,
            "lacks": self.lacks,
            "needs": self.needs,
            "usable": self.usable,
            "estimate": self.estimate,
            "core_fps": self.core,
            "system_fps": self.system,
            "limit": self.limit,
        }


def frame_bytes(elements: int, bits: int) -> int:
    """Bytes of a frame in memory: dense bits, rounded up to 8 bytes."""
    return -(-elements * bits // 64) * 8


def line_bytes(elements: int, bits: int) -> int:
    """Bytes of a frame on a serial line: dense bits, rounded up to one byte."""
    return -(-elements * bits // 8)


def result(graph: Graph) -> Tensor:
    """What leaves the network."""
    return graph.edges[graph.output]


def roofline(
    board: Board,
    graph: Graph,
    interval: Fraction,
    used: Resources,
    clock_mhz: float | Fraction | None = None,
) -> Roofline:
    """Of a FOLDED ``graph`` that takes a frame every ``interval`` cycles.

    ``used`` is what it takes of a Xilinx part, predicted or measured; on parts with LUTs of four
    inputs nothing is known of it before place and route.
    """
    clock = made_clock(board, board.clock_mhz if clock_mhz is None else clock_mhz)
    core = float(clock * 1_000_000 / interval)
    bounds = {"core": core, **links(board, graph, float(clock))}
    limit = min(bounds, key=lambda k: bounds[k])
    needs, estimate = {}, None
    if board.zynq:
        bram = -(-used.bram18 // 2)
        needs = {"lut": used.lcs + SHELL_LUT, "ff": used.ff, "bram": bram, "dsp": used.dsp}
    else:
        estimate = FOUR_FOR_SIX * used.lcs / board.usable("lut")
    usable = {r: board.usable(r) for r in needs}
    return Roofline(board.name, float(clock), needs, usable, core, bounds[limit], limit, estimate)


def made_clock(board: Board, asked_mhz: float | Fraction) -> Fraction:
    """MHz of the clock that a board makes when asked for one: a Zynq's processor gives the nearest
    one not above; on small boards a PLL makes it exactly, or the toolchain refuses."""
    if not board.zynq:
        return Fraction(asked_mhz)
    return families()[board.family].below(board, Fraction(asked_mhz)).mhz


def links(board: Board, graph: Graph, clock_mhz: float) -> dict[str, float]:
    """Frames a second that can be brought to a network and taken from it, by each way's name."""
    hertz = clock_mhz * 1e6
    edges = (graph.source.tensor, result(graph))
    into, out = (frame_bytes(t.size, t.type.bits) for t in edges)
    bounds = {}
    if board.memory is not None:
        port = PORT_BYTES * hertz * PORT_SHARE
        bounds["port"] = port / max(into, out)
        bounds["ddr"] = board.memory.peak * DDR_SHARE / (into + out)
    if board.baud is not None:
        longer = max(line_bytes(t.size, t.type.bits) for t in edges)
        bounds["uart"] = board.baud / 10 / (longer + OVERHEAD)
    return bounds


def part_for(board: Board) -> Part:
    """What a network may take of a board, its shell aside, as a part to plan for."""
    try:
        device = part_of(board.part).device
    except SpecError:
        device = board.part
    shell = SHELL_LUT if board.zynq else LINE_LUT
    family = "xc7" if board.zynq else board.family
    bram36 = board.usable("bram") * board.resources.bram_kbit // 36
    return Part(
        board.name,
        device,
        board.usable("lut") - shell,
        board.usable("ff"),
        bram36,
        board.usable("dsp"),
        family,  # pyright: ignore[reportArgumentType]
    )


def require_fit(
    board: Board, known: Iterable[Board], graph: Graph, interval: Fraction, used: Resources
) -> None:
    """Raise `FitError` where a network is known not to fit: what lacks, and on which of the
    ``known`` boards it would."""
    found = roofline(board, graph, interval, used)
    if found.fits is not False:
        return
    enough = [b.name for b in known if roofline(b, graph, interval, used).fits]
    hint = f"it would fit {', '.join(enough)}" if enough else "it would fit no board known here"
    raise FitError(
        f"{graph.name} does not fit {board.name}: {'; '.join(found.lacks)}; {hint}, or compile with"
        f" a lower --fps",
        lacks=found.lacks,
        enough=enough,
    )
