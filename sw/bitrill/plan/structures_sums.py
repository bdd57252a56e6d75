"""How much logic rows of a sum share where their weights are constants, or nearly so.

Weights of one word, or of a few, are mapped together with the sums: a product with a constant is a
wire, and rows with the same weights (or all of them the other way round) in some lanes have the
same sums of these. Which functions are alike is found by trying them on words drawn by seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .structure import ALONE
from .sums import SumPlan, sum_plan

MOST = 1 << 14
"""Products of all rows up to which they are tried."""

_SAMPLES = 256


def is_shared(op: Any) -> bool:
    """Whether weights of a folded `MatVec` are mapped together with its sums."""
    impl = op.folded
    products = impl.pe * len(sum_plan(op).products)
    own = impl.memory == "distributed" or op.steps == 1
    return own and op.steps <= ALONE and op.inside is None and products <= MOST


def shared_luts(op: Any) -> float:
    """LUTs of the counters of all rows, alike functions (up to their complement) only once."""
    trial = _Trial(op, sum_plan(op))
    return trial.luts()


class _Trial:
    """Every row's bits on drawn words: ``bits[b] [pe, samples]``, and the nets that each is a
    function of within its level (``nets[b] [pe]``, 0 for constants)."""

    def __init__(self, op: Any, plan: SumPlan):
        self.op, self.plan = op, plan
        self.seen: set[bytes] = set()
        rng = np.random.default_rng(0)
        step = rng.integers(0, op.steps, _SAMPLES)
        step[: op.steps] = np.arange(op.steps)
        x = rng.integers(0, 2, (op.folded.simd, op.x.type.bits, _SAMPLES)).astype(bool)
        self.seen.update(_names(x.reshape(-1, _SAMPLES)))
        w = weight_planes(op)[step]
        self.bits: dict[int, np.ndarray] = {}
        self.nets: dict[int, np.ndarray] = {}
        for b, p in enumerate(plan.products):
            lane = w[:, p.lane].T if p.gate == "select" else w[:, p.lane, p.w : p.w + 1].T
            plane = x[p.lane, p.x] ^ (p.inverted and p.gate != "and")
            self.bits[b] = _gate(p.gate, lane, plane) ^ (p.inverted and p.gate == "and")
            own = (lane != lane[..., :1]).any(axis=(1, 2))
            self.nets[b] = np.where(_varies(self.bits[b]), 1 + own, 0)

    def luts(self) -> float:
        """Of all levels; a product that no counter of the first level takes has its own."""
        found = 0.0
        for k, level in enumerate(c for stage in self.plan.stages for c in stage):
            for counter in level:
                found += self._count(counter.inputs, counter.outputs)
            if k == 0:
                for b in [b for b in self.nets if b < len(self.plan.products)]:
                    found += self._new(self.bits[b], self.nets[b])
                    self.nets[b] = np.minimum(self.nets[b], 1)
        return found

    def _count(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> float:
        total = sum(self.bits[b].astype(np.uint8) for b in inputs)
        nets = np.sum([self.nets.pop(b) for b in inputs], axis=0)
        found = 0.0
        for k, b in enumerate(outputs):
            self.bits[b] = (np.asarray(total) >> k & 1).astype(bool)
            found += self._new(self.bits[b], nets)
            self.nets[b] = _varies(self.bits[b]).astype(int)
        return found

    def _new(self, rows: np.ndarray, nets: np.ndarray) -> float:
        """LUTs of what is no wire, no constant, and nowhere yet; two of few inputs share one."""
        found = 0.0
        for name, varies, n in zip(_names(rows), _varies(rows), nets, strict=True):
            if varies and n > 1 and name not in self.seen:
                found += 0.5 if n < 6 else 1.0
            self.seen.add(name)
        return found


def weight_planes(op: Any) -> np.ndarray:
    """Bits of a folded `MatVec`'s weights, ``[steps, simd, planes, pe]``."""
    pe, simd, bits = op.folded.pe, op.folded.simd, op.weight_type.bits
    planes = (op.weight_type.encode(op.weights)[..., None] >> np.arange(bits) & 1).astype(bool)
    planes = planes.reshape(op.passes, pe, op.beats, simd, bits).transpose(0, 2, 3, 4, 1)
    return planes.reshape(op.steps, simd, bits, pe)


def _gate(gate: str, w: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A product of planes ``w [pe, planes, samples]`` of the weights and a plane of x."""
    if gate == "and":
        return w[:, 0] & x
    return ~(w[:, 0] ^ x) if gate == "xnor" else w[:, 0] & (w[:, 1] ^ x)


def _varies(rows: np.ndarray) -> np.ndarray:
    return (rows != rows[:, :1]).any(1)


def _names(rows: np.ndarray) -> list[bytes]:
    """The same for two functions that are each other's complement."""
    return [row.tobytes() for row in np.packbits(rows ^ rows[:, :1], axis=1)]
