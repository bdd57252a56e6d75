"""Block memory that a folded network takes, and how full it is."""

from dataclasses import dataclass

from ..errors import StageError
from ..ir import INPUT, Graph, Stage, Structure
from ..parts.memories import HALF_BITS
from .fifo import fifo_structure


@dataclass(frozen=True)
class BlockUse:
    """``halves`` of RAMB36 (RAMB18), and the ``bits`` of them that hold something."""

    halves: int = 0
    bits: int = 0

    @property
    def filled(self) -> float:
        """The share that holds something; 0 where there are none."""
        return self.bits / (self.halves * HALF_BITS) if self.halves else 0.0

    def __str__(self) -> str:
        if not self.halves:
            return "none"
        return f"{self.halves:,} RAMB18, filled {100 * self.filled:.0f} %"


def block_use(graph: Graph) -> BlockUse:
    """Return the block memory of all nodes and FIFOs of a FOLDED graph, as the model plans it."""
    if graph.stage is not Stage.FOLDED:
        raise StageError(
            f"{graph.name} must be folded to have block memories, and is {graph.stage.value}"
        )
    lanes = {INPUT: graph.reader(INPUT).lanes_in}
    lanes |= {e: n.lanes_out for n in graph.nodes for e in n.outputs}
    parts: list[Structure] = [n.structure() for n in graph.nodes]
    parts += [
        fifo_structure(lanes[e] * t.type.bits, graph.depths[e]) for e, t in graph.edges.items()
    ]
    return BlockUse(sum(s.bram18 for s in parts), sum(s.block_bits for s in parts))
