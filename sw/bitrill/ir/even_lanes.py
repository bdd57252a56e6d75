"""Operators that take and give equally many elements a beat: PE equals SIMD.

Most operators that move, join or map elements are so; they share their lanes, default folding and
foldings.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import SpecError
from .channels import Wiring
from .impl import Choice, Cost, Impl, Style, Work
from .operator import Operator
from .parameters import must_be_numbers, must_divide
from .schedule import Rule, Schedule, port
from .structure import BLOCK_BITS

INTERVAL = 64
"""Cycles a frame, or a vector, that default foldings aim at."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EvenLanes(Operator, abstract=True):
    """An operator of ``pe`` elements a beat on both sides."""

    block_choice = False
    """Whether the search tries block memory for what it stores, too."""

    def divided(self) -> tuple[str, int]:
        """What ``pe`` must divide: its name in messages, and how much it is."""
        return "channels", self.x.channels

    def validate_impl(self, impl: Impl) -> None:
        of, total = self.divided()
        must_divide(name=self.name, what="PE", value=impl.pe, of=of, total=total)
        if impl.simd != impl.pe:
            raise SpecError(f"{self.name}: SIMD must equal PE ({impl.pe}), not {impl.simd}")

    @property
    def lanes_in(self) -> int:
        return self.folded.pe

    @property
    def lanes_out(self) -> int:
        return self.folded.pe

    def stored_bits(self, impl: Impl) -> int:
        """Bits that `Impl.memory` says the place of."""
        return 0

    def default_impl(self, lanes: tuple[int | None, ...], *, style: Style) -> Impl:
        """The lanes of the widest operand, or the next legal number, so that none is slowed down.

        If no operand has lanes yet, the fewest that take a frame in `INTERVAL` cycles.
        """
        given = [n for n in lanes if n is not None]
        wanted = max(given, default=-(-self.x.size // INTERVAL))
        if given and self._can_be(Impl(pe=wanted, simd=wanted)):
            chosen = wanted
        else:
            every = [n for n in divisors(self.x.size) if n <= self.x.channels]
            legal = [n for n in every if self._can_be(Impl(pe=n, simd=n))]
            chosen = next((n for n in legal if n >= wanted), legal[-1])
        impl = Impl(pe=chosen, simd=chosen)
        block = self.stored_bits(impl) >= BLOCK_BITS
        return Impl(pe=chosen, simd=chosen, memory="block" if block else "distributed")

    def _can_be(self, impl: Impl) -> bool:
        try:
            self.validate_impl(impl)
        except SpecError:
            return False
        return True

    def foldings(self, fixed: Choice) -> Iterator[Impl]:
        for lanes in divisors(self.x.channels):
            yield from filter(self._can_be, self.variants(lanes))

    def variants(self, lanes: int) -> Iterator[Impl]:
        """The foldings of so many lanes that the search looks at."""
        yield Impl(pe=lanes, simd=lanes)
        if self.block_choice:
            yield Impl(pe=lanes, simd=lanes, memory="block")

    def completed(self, chosen: Choice, default: Impl) -> Choice:
        """SIMD follows PE where only PE is chosen."""
        return {"simd": chosen["pe"], **chosen} if "pe" in chosen else dict(chosen)


@dataclass(frozen=True, kw_only=True, eq=False)
class Buffered(EvenLanes, abstract=True):
    """An operator of even lanes that holds elements of its streams, and no constants."""

    @property
    @abstractmethod
    def state_bits(self) -> int:
        """Bits of its buffers (stage FOLDED)."""

    def cost(self) -> Cost:
        if self.impl is None:
            return Cost()
        return Cost(state_bits=self.state_bits, cycles=max(self.beats_in, self.beats_out))

    def work(self) -> Work:
        """Each element is written once, and read once for each result that it goes to."""
        moved = sum(t.size * t.type.bits for t in (*self.operands, *self.results))
        return Work.moving(moved, block=self.structure().bram18 > 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Joined(Buffered, abstract=True):
    """An operator that joins several operands of one shape element by element.

    ``pe`` elements a beat, one beat a cycle, ``latency`` stages: a register for each operand,
    which waits for the others, and then the work. The input registers are filled one by one, as
    beats come: ``in_j[k] >= step[k - 1]``, ``step[k] >= in_j[k] + 1``.
    """

    by_rows = True

    def validate(self) -> None:
        must_be_numbers(self)
        shapes = [t.shape for t in self.operands]
        if any(s != shapes[0] for s in shapes):
            raise SpecError(
                f"{self.name}: operands must have equal shapes,"
                f" not {' and '.join('x'.join(map(str, s)) for s in shapes)}"
            )

    def wiring(self) -> tuple[Wiring, ...]:
        n = self.x.channels
        return (Wiring(np.arange(n)[:, None] + n * np.arange(len(self.operands))),)

    def divided(self) -> tuple[str, int]:
        return "elements", self.x.size

    @property
    def state_bits(self) -> int:
        return self.folded.pe * sum(t.type.bits for t in self.operands)

    @property
    @abstractmethod
    def latency(self) -> int:
        """Stages from an operand to the result."""

    def work(self) -> Work:
        """One operation less than there are operands for each element, in registers alone."""
        return Work(add_bits=(len(self.operands) - 1) * self.y.size * self.y.type.bits)

    def schedule(self) -> Schedule:
        n = self.beats_in
        k = np.arange(n)
        ins = [port("in", j) for j in range(len(self.operands))]
        behind = self.latency - 1
        rules = [Rule("step", i, k, 1) for i in ins]
        rules += [Rule(i, "step", k - 1, 0) for i in ins]
        rules += [Rule("out", "step", k, behind), Rule("step", "out", k - behind, 0)]
        return Schedule(n, n, n, tuple(rules), dict.fromkeys(ins[1:], n))


def divisors(n: int) -> list[int]:
    """Return the divisors of ``n``, ascending."""
    small = [d for d in range(1, int(n**0.5) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})
