"""Computes whether a network fits a board, how fast it runs there, and what limits it.

    core   = clock / interval                                           frames per second, on chip
    axi    = min(port / bytes in, port / bytes out, DDR / all bytes)    port: 8 bytes per cycle
             and clock / interval between the shell's gearboxes, if bursts outrun the port
    uart   = (baud / 10) / (bytes + `OVERHEAD`), the longer direction

The bits of a frame are packed densely; a frame starts at a multiple of 8 bytes in memory, of one
byte on the line. A core that accepts an image per cycle cannot be fed from DDR, so both rates are
reported.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from bitrill.errors import FitError, SpecError
from bitrill.ir import Primitives
from bitrill.ir.graph import Graph
from bitrill.ir.types import Tensor
from bitrill.parts.devices import FOUR_FOR_SIX, Part, part_of
from bitrill.parts.families import foreign_cells
from bitrill.resources.estimate import Resources

from .board import Board
from .families.zynq import families
from .shell.gear_timing import keeping

PORT_BYTES = 8
"""Bytes per cycle of the shell's memory ports, which are 64 bits wide."""

PORT_SHARE = 0.97
"""Share of a port's beats that are used at a latency of 100 cycles, measured."""

DDR_SHARE = 0.7
"""Share of the DDR's peak rate that streams reach; refresh and the processor take the rest."""

OVERHEAD = 9
"""Bytes around a frame on the UART: mark, operation, number, length (2), CRC-32."""

SHELL_LUT = 900
"""LUTs that the Zynq shell takes at most."""

LINE_LUT = 1500
"""Four-input LUTs that the shell of boards on a serial line takes."""


@dataclass(frozen=True)
class Roofline:
    """Resources and rates of a network on a board.

    ``needs`` and ``usable``: by resource, as far as known. ``core``, ``system``: frames per second
    on chip, and with the links; ``limit``: what bounds ``system``: core, port, ddr or uart.
    ``estimate``: estimated share of the usable four-input LUTs, two for each six-input LUT, if the
    exact number is not known. ``foreign``: families whose cells the network is made of, and which
    the board's part does not have. ``part``: that part.
    """

    board: str
    clock_mhz: float
    needs: dict[str, int]
    usable: dict[str, int]
    core: float
    system: float
    limit: str
    estimate: float | None = None
    foreign: str = ""
    part: str = ""

    @property
    def lacks(self) -> list[str]:
        """Messages about foreign cells, and about each resource of which there is too little."""
        return [f"made of cells of {self.foreign}"] * bool(self.foreign) + [
            f"{name} {n:,} of {self.usable[name]:,} usable"
            for name, n in self.needs.items()
            if n > self.usable[name]
        ]

    @property
    def fits(self) -> bool | None:
        """Whether the network fits; None if only place and route can tell."""
        return not self.lacks if self.needs or self.foreign else None

    def to_json(self) -> dict[str, object]:
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
    """Return the bytes of a frame in memory: dense bits, rounded up to 8 bytes."""
    return -(-elements * bits // 64) * 8


def result(graph: Graph) -> Tensor:
    """Return the tensor that leaves the network."""
    return graph.edges[graph.output]


def roofline(
    board: Board,
    graph: Graph,
    interval: Fraction,
    used: Resources,
    clock_mhz: float | Fraction | None = None,
) -> Roofline:
    """Return the roofline of a FOLDED ``graph`` that takes a frame every ``interval`` cycles.

    ``used``: the network's resources on a Xilinx part, predicted or measured. For parts with
    four-input LUTs they lead to an estimate only.
    """
    clock = made_clock(board, board.clock_mhz if clock_mhz is None else clock_mhz)
    core = float(clock * 1_000_000 / interval)
    bounds = {"core": core, **links(board, graph, float(clock))}
    if board.memory is not None:
        *_, between = keeping(graph, interval, 8 * PORT_BYTES)
        if between > interval:
            bounds["port"] = min(bounds["port"], float(clock * 1_000_000 / between))
    limit = min(bounds, key=lambda k: bounds[k])
    needs, estimate = {}, None
    if board.zynq:
        bram = -(-used.bram18 // 2)
        needs = {"lut": used.lcs + SHELL_LUT, "ff": used.ff, "bram": bram, "dsp": used.dsp}
    else:
        estimate = FOUR_FOR_SIX * used.lcs / board.usable("lut")
    usable = {r: board.usable(r) for r in needs}
    made_of: set[Primitives] = {n.folded.primitives for n in graph.nodes}
    return Roofline(
        board.name,
        float(clock),
        needs,
        usable,
        core,
        bounds[limit],
        limit,
        estimate,
        foreign_cells(made_of, part_for(board).family),
        board.part,
    )


def made_clock(board: Board, asked_mhz: float | Fraction) -> Fraction:
    """Return the clock in MHz that a board makes when asked for ``asked_mhz``.

    A Zynq makes the nearest clock that is not faster. The PLL of other boards makes it exactly, or
    the toolchain refuses it.
    """
    if not board.zynq:
        return Fraction(asked_mhz)
    return families()[board.family].below(board, Fraction(asked_mhz)).mhz


def links(board: Board, graph: Graph, clock_mhz: float) -> dict[str, float]:
    """Return the frames per second that each link between board and network carries, by name."""
    hertz = clock_mhz * 1e6
    edges = (graph.source.tensor, result(graph))
    into, out = (frame_bytes(t.size, t.type.bits) for t in edges)
    bounds = {}
    if board.memory is not None:
        port = PORT_BYTES * hertz * PORT_SHARE
        bounds["port"] = port / max(into, out)
        peak = board.memory.ddr_bits / 8 * board.memory.ddr_mts * 1e6
        bounds["ddr"] = peak * DDR_SHARE / (into + out)
    if board.baud is not None:
        longer = max(-(-t.size * t.type.bits // 8) for t in edges)
        bounds["uart"] = board.baud / 10 / (longer + OVERHEAD)
    return bounds


def part_for(board: Board) -> Part:
    """Return a part with the resources that a board's shell leaves to the network."""
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
    """Raise a `FitError` that names what is lacking, if a network does not fit.

    It lists the ``known`` boards that are large enough.
    """
    own = roofline(board, graph, interval, used)
    if own.fits is not False:
        return
    enough = [b.name for b in known if roofline(b, graph, interval, used).fits]
    hint = f"it would fit {', '.join(enough)}" if enough else "it would fit no known board"
    raise FitError(
        f"{graph.name} does not fit {board.name}: {'; '.join(own.lacks)}; {hint}, or compile with"
        f" a lower --fps",
        lacks=own.lacks,
        enough=enough,
    )
