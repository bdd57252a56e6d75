"""What each node may be folded to, with the cycles and the resources that each choice takes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import lcm
from typing import Any

from ..errors import SpecError
from ..ir.operator import Impl, Operator
from ..ir.types import IntType, Tensor
from ..ops.argmax import ArgMax
from ..ops.convert import Convert
from ..ops.matvec import Matrix, MatVec
from ..ops.threshold import Threshold
from ..ops.window import Window
from ..resources.estimate import Resources, resources
from .multiply_shift import known_requantizer

WASTE = 8
"""So many times the fewest lanes that a layer needs are looked at: past that no converter that
they save is worth them."""

FEW = 128
"""So many lanes are looked at whatever is needed."""

_CARRIED = ("primitives", "levels", "multiply")
"""What is told of a node and holds for all of its foldings."""

_BY_MEMORY = ("depthwise", "lookup", "upsample")
"""Kinds beside `MatVec` that have their tables where ``memory`` says."""


@dataclass(frozen=True)
class Option:
    """One folding of one node, and the cycles that a frame takes it."""

    impl: Impl
    lanes_in: int
    lanes_out: int
    cycles: int


class Choices:
    """Every legal folding of a node, quickest first; ``told``: what is settled of it already.

    Raises `SpecError` where nothing legal is left.
    """

    def __init__(self, node: Operator, told: Mapping[str, Any] | None = None):
        self.node = node
        told = told or {}
        carried = {key: told[key] for key in _CARRIED if key in told}
        if carried.get("multiply") == "dsp":
            carried = {"primitives": "xc7", **carried}
        self.options = sorted(
            (
                _option(node, dataclasses.replace(impl, **carried))
                for impl in _impls(node, told)
                if all(
                    getattr(impl, key) == value for key, value in told.items() if key not in carried
                )
            ),
            key=lambda o: (o.cycles, o.lanes_in, o.lanes_out, o.impl.style, o.impl.memory),
        )
        if not self.options:
            raise SpecError(f"{node.name}: no legal folding has {dict(told)}")
        self._resources: dict[Impl, Resources] = {}

    @property
    def fastest(self) -> int:
        """Fewest cycles of all."""
        return self.options[0].cycles

    def within(self, interval: int) -> list[Option]:
        """Those that take a frame in ``interval`` cycles, wasteful ones left out (`WASTE`)."""
        found = [o for o in self.options if o.cycles <= interval]
        most = max(FEW, WASTE * min((self._lanes(o) for o in found), default=0))
        return [o for o in found if self._lanes(o) <= most]

    def _lanes(self, option: Option) -> int:
        """Units that work side by side."""
        rows = option.impl.pe if isinstance(self.node, Matrix) else 1
        return rows * option.lanes_in

    def resources(self, option: Option) -> Resources:
        """What an option takes."""
        if option.impl not in self._resources:
            self._resources[option.impl] = resources(placed(self.node, option.impl))
        return self._resources[option.impl]


def placed(node: Operator, impl: Impl) -> Any:
    """``node`` at a legal ``impl``; its constants are neither copied nor checked again."""
    if isinstance(node, Threshold) and impl.style == "requantize":
        return (known_requantizer(node) or node).replace(impl=impl)
    if not isinstance(node, Matrix | Threshold):
        return node.replace(impl=impl)
    twin = copy.copy(node)
    object.__setattr__(twin, "impl", impl)
    return twin


def _option(node: Operator, impl: Impl) -> Option:
    op = placed(node, impl)
    return Option(impl, op.lanes_in, op.lanes_out, op.interval)


def _impls(node: Operator, told: Mapping[str, Any]) -> Iterator[Impl]:
    if isinstance(node, Matrix):
        # never of itself: its plan takes seconds
        if isinstance(node, MatVec) and told.get("style") == "unrolled":
            yield Impl(pe=node.rows, simd=node.cols, style="unrolled")
        for pe in divisors(node.rows):
            for simd in divisors(node.cols):
                yield Impl(pe=pe, simd=simd)
                if (pe, simd) != (node.rows, node.cols):
                    yield Impl(pe=pe, simd=simd, memory="block")
        return
    if isinstance(node, ArgMax):
        yield Impl()
        return
    for d in divisors(node.x.channels):
        for impl in _even(node, d):
            try:
                node.validate_impl(impl)
            except SpecError:
                continue
            yield impl
    if isinstance(node, Window):
        yield Impl(simd=node.x.channels, pe=node.y.channels, style="parallel")


def _even(node: Operator, lanes: int) -> Iterator[Impl]:
    """Of operators that take and give equally many elements a beat."""
    if isinstance(node, Threshold):
        yield Impl(pe=lanes, simd=lanes, style="parallel")
        yield Impl(pe=lanes, simd=lanes, style="search")
        yield Impl(pe=lanes, simd=lanes, style="search", memory="block")
        if known_requantizer(node) is not None:
            yield Impl(pe=lanes, simd=lanes, style="requantize")
        return
    yield Impl(pe=lanes, simd=lanes)
    if node.kind in _BY_MEMORY:
        yield Impl(pe=lanes, simd=lanes, memory="block")


@cache
def convert_resources(a: int, b: int, t: IntType) -> Resources:
    """Of a converter from ``a`` to ``b`` elements of ``t`` a beat."""
    operands = (Tensor((lcm(a, b),), t),)
    return resources(
        Convert(name="convert", inputs=("x",), operands=operands, impl=Impl(pe=b, simd=a))
    )


def divisors(n: int) -> list[int]:
    """Divisors of n, ascending."""
    small = [d for d in range(1, int(n**0.5) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})
