"""A bench for a small writable network in Amaranth's simulator: bus accesses and frames by hand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.sim import Simulator
from bitrill.errors import SimulationTimeout
from bitrill.ir import Graph
from bitrill.ir.beats import pack_beats, unpack_beats
from bitrill.lowering import to_folded
from bitrill_hw.design.top import Top
from support import integer_mlp

OKAY, SLVERR = 0, 2
LIMIT = 400
"""Most cycles that an access or a frame may take."""

FOLDING = {
    "fc0": {"pe": 4, "simd": 12, "memory": "block"},
    "fc1": {"pe": 3, "simd": 4},
    "fc2": {"pe": 3, "simd": 6},
}
"""Foldings with words of 48 bits (two registers), of 12 bits, and a single word of 18 bits."""


def network(seed: int = 0, style: Any = "runtime") -> Graph:
    """A network 24-8-6-3 with two thresholds a channel, the first layer in block memory."""
    return to_folded(integer_mlp(24, 8, 6, 3, levels=2, seed=seed), folding=FOLDING, style=style)


def other(graph: Graph, seed: int = 9) -> Graph:
    """The same design with other constants in its memories."""
    new = network(seed)
    fields = ("weights", "thresholds", "inverted")
    return graph.replace(
        nodes=tuple(
            n.replace(**{f: getattr(new[n.name], f) for f in fields if hasattr(n, f)})
            for n in graph.nodes
        )
    )


@dataclass
class Design:
    """A `Top` under test. Use the coroutines within `play`."""

    graph: Graph
    top: Any = None
    ctx: Any = None
    cycle: int = 0
    frames: list[np.ndarray] = field(default_factory=list)
    """Complete output frames, as flat integers."""

    def __post_init__(self) -> None:
        self.top = self.top or Top(self.graph)
        self._beats: list[list[int]] = [[]]
        self._queue: list[tuple[int, bool]] = []
        self.starts = 0
        self.ready: Callable[[int], bool] = lambda t: True

    def play(self, body: Callable[[Design], Coroutine[Any, Any, None]]) -> Design:
        """Run ``body`` to its end."""

        async def bench(ctx: Any) -> None:
            self.ctx = ctx
            ctx.set(self.top.aresetn, 1)
            await body(self)

        simulator = Simulator(self.top)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run()
        return self

    def send(
        self, x: np.ndarray, *, at: int = 0, beats: int | None = None, marked: int | None = None
    ) -> None:
        """Queue one frame, from cycle ``at`` on.

        ``beats``: number of beats, which may be too few or too many; ``marked``: the beat with
        ``tlast``.
        """
        self.starts = at
        first = self.graph.reader("input")
        flat = self.graph.source.flatten(x[None])
        rows = pack_beats(flat, first.x.type, first.lanes_in)
        words = [int.from_bytes(row.tobytes(), "little") for row in rows]
        n = len(words) if beats is None else beats
        last = n - 1 if marked is None else marked
        self._queue += [(words[k % len(words)], k == last) for k in range(n)]

    async def tick(self, **inputs: int) -> dict[str, int]:
        """One cycle, with these AXI inputs; its outputs."""
        ctx, top = self.ctx, self.top
        offers = bool(self._queue) and self.cycle >= self.starts
        beat, last = self._queue[0] if offers else (0, False)
        ctx.set(top.s_axis_tvalid, offers)
        ctx.set(top.s_axis_tdata, beat)
        ctx.set(top.s_axis_tlast, last)
        ready = self.ready(self.cycle)
        ctx.set(top.m_axis_tready, ready)
        for name in ("awvalid", "wvalid", "arvalid"):
            ctx.set(getattr(top, f"s_axi_{name}"), 0)
        for name, value in inputs.items():
            ctx.set(getattr(top, f"s_axi_{name}"), value)
        names = ("awready", "wready", "arready", "bvalid", "bresp", "rvalid", "rresp", "rdata")
        seen = {name: ctx.get(getattr(top, f"s_axi_{name}")) for name in names}
        if offers and ctx.get(top.s_axis_tready):
            self._queue.pop(0)
        if ready and ctx.get(top.m_axis_tvalid):
            self._take(ctx.get(top.m_axis_tdata), ctx.get(top.m_axis_tlast))
        await ctx.tick()
        self.cycle += 1
        return seen

    def _take(self, data: int, last: int) -> None:
        self._beats[-1].append(data)
        if last:
            node = self.graph.producer(self.graph.output)
            n_bytes = -(-node.lanes_out * node.y.type.bits // 8)
            raw = b"".join(b.to_bytes(n_bytes, "little") for b in self._beats.pop())
            rows = np.frombuffer(raw, np.uint8).reshape(-1, n_bytes)
            self.frames.append(unpack_beats(rows, node.y.type, node.lanes_out).ravel())
            self._beats.append([])

    async def write(self, address: int, data: int, strobes: int = 15) -> int:
        """One write; its response."""
        aw = w = False
        for _ in range(LIMIT):
            seen = await self.tick(
                awaddr=address, awvalid=not aw, wdata=data, wstrb=strobes, wvalid=not w, bready=1
            )
            if seen["bvalid"]:
                return seen["bresp"]
            aw, w = aw or bool(seen["awready"]), w or bool(seen["wready"])
        raise SimulationTimeout("a write was never answered")

    async def read(self, address: int) -> tuple[int, int]:
        """One read; its response and data."""
        ar = False
        for _ in range(LIMIT):
            seen = await self.tick(araddr=address, arvalid=not ar, rready=1)
            if seen["rvalid"]:
                return seen["rresp"], seen["rdata"]
            ar = ar or bool(seen["arready"])
        raise SimulationTimeout("a read was never answered")

    async def until(self, frames: int) -> None:
        """Wait for that many output frames in all."""
        for _ in range(LIMIT * (frames + 1)):
            if len(self.frames) >= frames:
                return
            await self.tick()
        raise SimulationTimeout(f"{len(self.frames)} of {frames} frames came out")


def golden(graph: Graph, x: np.ndarray) -> list[int]:
    """The golden model's flat output for one frame."""
    return graph.sink.flatten(graph.run(x[None])).ravel().tolist()
