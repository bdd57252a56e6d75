"""Drives streams cycle by cycle in Amaranth's simulator, with patterns of stalls."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.sim import Simulator
from bitrill.errors import SimulationTimeout

Bench = Callable[[Any], Coroutine[Any, Any, None]]


@dataclass
class Moves:
    """The beats of a run: the cycle of each accepted and each taken beat, and the values taken."""

    accepted: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Stall:
    """A pattern of stalls.

    ``offered[k]``: the cycle from which on the source shows beat k; ``ready[t]``: the sink's ready
    in cycle t, 1 after the end of the list.
    """

    name: str
    offered: list[int]
    ready: list[bool]

    def is_ready(self, t: int) -> bool:
        """Whether the sink is ready in cycle ``t``."""
        return t >= len(self.ready) or self.ready[t]


def stalls(n: int, *, seed: int) -> Iterable[Stall]:
    """Patterns: free; the sink starts late; each side at half rate; bursts on both sides."""
    rng = np.random.default_rng(seed)
    free = [0] * n
    yield Stall("free", free, [])
    yield Stall("late sink", free, [False] * (n // 2))
    yield Stall("alternating sink", free, [False, True] * (2 * n))
    slow = np.cumsum(rng.integers(0, 3, n)).tolist()
    yield Stall("slow source", slow, [])
    yield Stall("both random", slow, (rng.random(4 * n) < 0.5).tolist())
    bursts = np.cumsum(np.where(rng.random(n) < 0.1, 15, 0)).tolist()
    yield Stall("bursts", bursts, np.repeat(rng.random(n) < 0.5, 7).tolist())


def drive(
    dut: Any,
    give: Callable[[Any, int | None], None],
    see: Sequence[Any],
    n_in: int,
    n_out: int,
    stall: Stall,
    *,
    ready: Any,
    beside: Bench | None = None,
    limit: int | None = None,
    linger: int = 0,
) -> Moves:
    """Run until ``n_in`` beats went in and ``n_out`` came out, then ``linger`` more cycles.

    The testbench ``beside`` runs at the same time.

    ``give(ctx, k)`` shows input beat k, or none; ``see`` is (input ready, output valid, values..),
    sampled at each edge; ``ready`` the sink's. `SimulationTimeout` past ``limit`` cycles. A value
    that changes or vanishes while the sink is not ready is an `AssertionError`.
    """
    moves = Moves()
    last = limit or 200 + 4 * (n_in + n_out) + max(stall.offered, default=0) + len(stall.ready)

    async def bench(ctx: Any) -> None:
        held, spare = None, linger
        for t in range(last):
            k = len(moves.accepted)
            offering = k < n_in and stall.offered[k] <= t
            give(ctx, k if offering else None)
            taking = stall.is_ready(t)
            ctx.set(ready, taking)
            _, _, i_ready, o_valid, *values = await ctx.tick().sample(*see)
            if held is not None:
                assert o_valid, f"cycle {t}: valid fell before the beat was taken"
                assert values == held, f"cycle {t}: payload changed while stalled"
            held = values if o_valid and not taking else None
            if offering and i_ready:
                moves.accepted.append(t)
            if o_valid and taking:
                moves.taken.append(t)
                moves.values.append(values[0] if len(values) == 1 else tuple(values))
            if len(moves.accepted) >= n_in and len(moves.taken) >= n_out:
                if not spare:
                    return
                spare -= 1
        raise SimulationTimeout(
            f"{type(dut).__name__}: {len(moves.accepted)} of {n_in} beats in,"
            f" {len(moves.taken)} of {n_out} out after {last} cycles"
        )

    simulate(dut, bench, beside)
    return moves


def simulate(dut: Any, bench: Bench, beside: Bench | None = None) -> None:
    """Run ``bench`` to its end, and ``beside`` at the same time."""
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    if beside:
        simulator.add_testbench(beside, background=True)
    simulator.run()
