"""Hardware of `bitrill.ops.Divide`: divides two streams element by element."""

from __future__ import annotations

from amaranth import *
from bitrill.ops import Divide

from ..pipeline.elastic import Elastic
from ..pipeline.joined import JoinedCore


class DivideCore(JoinedCore):
    """Stages: a register for each operand; the numerator; one for each bit of the quotient."""

    op: Divide

    def elaborate(self, _) -> Module:
        m = Module()
        pipe, (a, b) = self.joined(m)
        lanes = zip(a, b, strict=True)
        m.d.comb += self.o.payload.eq(Cat(self._lane(pipe, p, *ab) for p, ab in enumerate(lanes)))
        return m

    def _lane(self, pipe: Elastic, p: int, a: Value, b: Value) -> Value:
        """The quotient of one lane, by long division from the highest bit down.

        ``rest`` starts as the numerator's bits above the ``n`` bits of the quotient. If it is at
        least the divisor at the start (so also for a divisor of 0), all bits of the quotient are 1.
        """
        n, rest_bits = self.op.n_bits, self.op.rest_bits
        total = pipe.register(1, self.op.levels * a, f"total{p}")
        divisor = pipe.register(1, b, f"divisor{p}_0")
        rest, low = total[n:], total[:n]
        full: Value = rest >= divisor
        quotient = Const(0, 0)
        for k in range(n):
            shifted = Cat(low[n - 1 - k], rest)
            less = shifted - divisor
            holds = ~less[-1]  # the sign
            last = k == n - 1
            quotient = pipe.register(k + 2, Cat(holds | full, quotient), f"quotient{p}_{k}")
            if not last:
                rest = pipe.register(k + 2, Mux(holds, less, shifted)[:rest_bits], f"rest{p}_{k}")
                full = pipe.register(k + 2, full, f"full{p}_{k}")
                low = pipe.register(k + 2, low[: n - 1 - k], f"low{p}_{k}")
                divisor = pipe.register(k + 2, divisor, f"divisor{p}_{k + 1}")
        return quotient
