"""The operator `Fork`: copies of one stream for several readers."""

from dataclasses import dataclass

import numpy as np

from ..errors import SpecError
from ..ir import Buffered, Rule, Schedule, Structure, Tensor, Wiring, channelwise, port


@dataclass(frozen=True, kw_only=True, eq=False)
class Fork(Buffered):
    """``y_j = x`` for ``copies`` results; ``pe`` elements a beat.

    One register holds a beat. Each copy is offered in the next cycle, and its reader takes it when
    it is ready, whatever the others do. The next beat is accepted at the earliest at the edge at
    which the last copy leaves: ``out_j[k] >= in[k] + 1``, ``in[k] >= out_j[k - 1]``.
    """

    kind = "fork"
    additive = True
    by_rows = True
    component = "bitrill_hw.ops.fork:ForkCore"

    copies: int = 2

    def validate(self) -> None:
        if self.copies < 2:
            raise SpecError(f"{self.name}: copies must be at least 2, not {self.copies!r}")

    def divided(self) -> tuple[str, int]:
        return "elements", self.x.size

    def infer(self) -> Tensor:
        return self.x

    @property
    def results(self) -> tuple[Tensor, ...]:
        return (self.x,) * self.copies

    def wiring(self) -> tuple[Wiring, ...]:
        return channelwise(self.x.channels) * self.copies

    def eval(self, *xs: np.ndarray) -> tuple[np.ndarray, ...]:
        return (xs[0],) * self.copies

    @property
    def state_bits(self) -> int:
        return self.folded.pe * self.x.type.bits

    def schedule(self) -> Schedule:
        n = self.beats_in
        k = np.arange(n)
        outs = [port("out", j) for j in range(self.copies)]
        given = tuple(Rule(out, "in", k, 1) for out in outs)
        taken = tuple(Rule("in", out, k - 1, 0) for out in outs)
        return Schedule(n, 0, n, given + taken, dict.fromkeys(outs[1:], n))

    def structure(self) -> Structure:
        s = Structure()
        s.luts(turns=self.copies)
        s.flops(held=self.lanes_out * self.x.type.bits + self.copies)
        return s
