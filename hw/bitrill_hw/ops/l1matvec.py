"""Hardware of `bitrill.ops.L1MatVec`: a folded unit that adds absolute differences."""

from __future__ import annotations

from typing import Any

from amaranth import *
from bitrill.arith.l1_products import front, groups

from ..arith.gates import logic
from ..matvec.beat_control import Steps
from ..memories.constant_tables import split
from ..pipeline.elastic import Elastic
from .matvec import MatVecCore


class L1MatVecCore(MatVecCore):
    """A `MatVecCore` with stages that compare x with the weights before the sums.

    `bitrill.arith.l1_products` derives the arithmetic.
    """

    op: Any  # an L1MatVec, which is no MatVec

    def _weights(self, m: Module, pipe: Elastic, steps: Steps) -> Value:
        """The weights of a step in stage ``op.read_stages``, bits ``[lane][plane][pe]``.

        The planes of a lane are those of its weights, then one for each link of its comparison.
        """
        op, stage, links = self.op, self.op.memory_stages, len(groups(self.op.x.type))
        word = super()._weights(m, pipe, steps)
        x = pipe.delay(steps.x, "compared", first=2, last=stage) if links else steps.x
        for first in range(0, links, op.folded.levels):
            chosen = range(first, min(first + op.folded.levels, links))
            word = self._linked(m, x, word, chosen)
            stage += 1
            word = pipe.register(stage, word, f"linked{stage}")
            x = pipe.register(stage, x, f"compared{stage}")
        return word

    def _linked(self, m: Module, x: Value, word: Value, links: range) -> Value:
        """``word`` with the results of the links ``links`` added as further planes of each lane."""
        op, pe = self.op, self.op.folded.pe
        bits, known = op.x.type.bits, op.x.type.bits + links[0]
        planes = {"w": split(m, word, pe, "compared_w"), "x": split(m, x, 1, "compared_x")}
        lanes = []
        for lane in range(op.folded.simd):
            own = planes["w"][lane * known : (lane + 1) * known]
            ends = [v.replicate(pe) for v in planes["x"][lane * bits : (lane + 1) * bits]]
            chain = front(op.x.type, lane)
            for link in links:
                read = [own[p] if kind == "w" else ends[p] for kind, _, p in chain[link].inputs]
                name = f"link{link}_{lane}"
                made = Signal(pe, name=name)
                m.d.comb += made.eq(logic(m, chain[link].table, read, name=name))
                own = [*own, made]
            lanes += own
        return Cat(lanes)
