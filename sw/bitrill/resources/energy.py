"""An estimate of the energy that a frame takes on a chip; see docs/energy.md for all sources.

    energy = operations + memory accesses + fabric
    fabric = LUTs * LUT_PJ * (busy cycles * switching / USUAL_SWITCHING * (1 - CLOCK_SHARE)
                              + all cycles * CLOCK_SHARE)

Operators state their operations and memory accesses themselves (`Operator.work`). Switching is the
share of signals that change in a cycle: `USUAL_SWITCHING`, or measured from real frames. Energies
are of a 28 nm FPGA. Static power, input and output pins and what lies outside the chip are left
out. It is an estimate: a figure may be wrong by a factor of `SPREAD` either way.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from ..ir import Graph, Operator, Work
from ..timing.predict import predict
from .estimate import Resources, fifo_resources, network_resources

ADD_PJ = 0.03 / 8
"""pJ for each bit of an integer addition: 8 bits 0.03, 32 bits 0.1 pJ, 45 nm (Horowitz 2014)."""

PRODUCT_PJ = 0.2 / 64
"""pJ for each pair of bits of an integer product: 8 by 8 bits 0.2, 32 by 32 bits 3.1 pJ (same)."""

FPGA_FACTOR = 14
"""Dynamic power of logic on an FPGA over that of standard cells (Kuon, Rose 2007)."""

BLOCK_PJ = 10 / 64
"""pJ for each bit of a block memory: 64 bits of an 8 KiB SRAM take 10 pJ (Horowitz 2014)."""

DDR_PJ = 1300 / 64
"""pJ for each bit of DRAM: 64 bits take 1.3 to 2.6 nJ (same); not part of the chip's energy."""

LUT_PJ = 0.33
"""pJ for each LUT, its register and wires in a busy cycle, as fitted to FINN's SFC-max."""

LOGIC_SHARE, CLOCK_SHARE = 16 / 90, 14 / 90
"""Shares of `LUT_PJ` in the LUT itself and in clocks; the rest are wires (Shang et al. 2002)."""

LUTRAM_PJ = LUT_PJ * LOGIC_SHARE
"""pJ for each bit that a memory of LUTs reads or writes: the energy in the LUT itself."""

USUAL_SWITCHING = 0.4
"""Changes of a signal in a busy cycle where nobody measured them: those of TFC's matrices on MNIST
(`bitrill.resources.switching`), a network like the one that `LUT_PJ` is fitted to."""

SPREAD = 3
"""Factor, up or down, within which the estimate counts as fit."""


@dataclass(frozen=True)
class Energy:
    """Estimated energy of a frame in nJ: operations, memory accesses, and fabric (see above)."""

    operations: float = 0.0
    memory: float = 0.0
    fabric: float = 0.0

    @property
    def total(self) -> float:
        """Sum of all parts, nJ."""
        return self.operations + self.memory + self.fabric

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest energy that the estimate allows, nJ."""
        return self.total / SPREAD, self.total * SPREAD

    def __add__(self, other: "Energy") -> "Energy":
        return Energy(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def energies(graph: Graph, switching: Mapping[str, float] | None = None) -> dict[str, Energy]:
    """Estimate the energy of each node of a FOLDED graph, and of all FIFOs under ``fifos``.

    ``switching``: changes of a signal in a cycle by node, measured over the whole frame.
    """
    measured = switching or {}
    used = network_resources(graph)
    cycles = float(predict(graph).ii)
    by_node = {
        n.name: _energy(n.work(), used[n.name], _busy(n, cycles, measured), cycles)
        for n in graph.nodes
    }
    return by_node | {"fifos": sum((_fifo(graph, e, cycles) for e in graph.edges), Energy())}


def energy_nj(graph: Graph, switching: Mapping[str, float] | None = None) -> float:
    """Estimate the energy of a frame of a FOLDED graph on the chip, nJ; see `energies`."""
    return sum((e.total for e in energies(graph, switching).values()), 0.0)


def ddr_nj(graph: Graph) -> float:
    """Estimate the energy of reading a frame from DRAM and writing its result, nJ."""
    ends = (graph.source.tensor, graph.edges[graph.output])
    return sum(t.size * t.type.bits for t in ends) * DDR_PJ / 1000


def _busy(op: Operator, cycles: float, measured: Mapping[str, float]) -> float:
    """Return the cycles of usual switching that have as many changes as a frame."""
    if op.name in measured:
        return cycles * measured[op.name] / USUAL_SWITCHING
    return min(op.interval, cycles)


def _fifo(graph: Graph, edge: str, cycles: float) -> Energy:
    """Estimate the energy of an edge's FIFO, which writes and reads each beat."""
    tensor, lanes = graph.edges[edge], graph.lanes[edge]
    bits = tensor.size * tensor.type.bits
    used = fifo_resources(lanes * tensor.type.bits, graph.depths[edge])
    work = Work.moving(2 * bits, block=used.bram18 > 0)
    return _energy(work, used, min(tensor.size // lanes, cycles), cycles)


def _energy(work: Work, used: Resources, busy: float, cycles: float) -> Energy:
    """Weigh one part of a design; ``busy`` and ``cycles``: see `_busy` and the frame's."""
    logic = FPGA_FACTOR * (ADD_PJ * work.add_bits + PRODUCT_PJ * work.product_bits)
    memory = LUTRAM_PJ * work.lut_bits + BLOCK_PJ * work.block_bits
    fabric = used.lcs * LUT_PJ * (busy * (1 - CLOCK_SHARE) + cycles * CLOCK_SHARE)
    parts = (logic + PRODUCT_PJ * work.slice_bits, memory, fabric)
    return Energy(*(pj / 1000 for pj in parts))
