"""Options: what each node may be folded to, with the cycles and resources of each choice."""

from dataclasses import dataclass, replace
from functools import cache
from math import lcm

from ..errors import SpecError
from ..ir import Choice, Impl, IntType, Operator, Tensor
from ..ops import Convert
from ..resources.estimate import Resources, resources

WASTE = 8
"""How many times the fewest lanes that a layer needs are looked at; more are worth no converter
that they save."""

FEW = 128
"""Lanes that are looked at whatever is needed."""


@dataclass(frozen=True)
class Option:
    """One folding of one node, and the cycles that a frame takes it.

    ``parallelism``: elements or products that it works on in a cycle.
    """

    impl: Impl
    lanes_in: int
    lanes_out: int
    cycles: int
    parallelism: int


class Choices:
    """Every legal folding of a node, quickest first; ``fixed``: what is settled of it already.

    Raises `SpecError` where nothing legal is left.
    """

    def __init__(self, node: Operator, fixed: Choice | None = None):
        self.node = node
        fixed = fixed or {}
        carried = node.carried(fixed)
        asked = {key: value for key, value in fixed.items() if key not in carried}
        self.options = sorted(
            (
                _option(node, replace(impl, **carried))
                for impl in node.foldings(fixed)
                if all(getattr(impl, key) == value for key, value in asked.items())
            ),
            key=lambda o: (o.cycles, o.lanes_in, o.lanes_out, o.impl.style, o.impl.memory),
        )
        if not self.options:
            raise SpecError(f"{node.name}: no legal folding has {dict(fixed)}")
        self._resources: dict[Impl, Resources] = {}

    @property
    def fastest(self) -> int:
        """Cycles of the fastest option."""
        return self.options[0].cycles

    def within(self, interval: int) -> list[Option]:
        """Return the options that take a frame in ``interval`` cycles, without wasteful ones."""
        fast = [o for o in self.options if o.cycles <= interval]
        most = max(FEW, WASTE * min((o.parallelism for o in fast), default=0))
        return [o for o in fast if o.parallelism <= most]

    def resources(self, option: Option) -> Resources:
        """Return what an option takes."""
        if option.impl not in self._resources:
            self._resources[option.impl] = resources(self.node.at(option.impl))
        return self._resources[option.impl]


def _option(node: Operator, impl: Impl) -> Option:
    op = node.at(impl)
    return Option(impl, op.lanes_in, op.lanes_out, op.interval, op.parallelism)


@cache
def convert_resources(a: int, b: int, t: IntType) -> Resources:
    """Return what a converter from ``a`` to ``b`` elements of ``t`` a beat takes."""
    operands = (Tensor((lcm(a, b),), t),)
    return resources(
        Convert(name="convert", inputs=("x",), operands=operands, impl=Impl(pe=b, simd=a))
    )
