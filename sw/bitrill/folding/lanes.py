"""Lanes of the nodes that take and give equally many: those that move, join or map elements."""

from __future__ import annotations

from ..errors import SpecError
from ..ir.operator import Impl, Memory, Operator
from ..ops.add import Add
from ..ops.avgpool import SumPool
from ..ops.concat import Concat
from ..ops.convert import Convert
from ..ops.deconv import Deconv
from ..ops.depthwise import Depthwise
from ..ops.fork import Fork
from ..ops.lookup import Lookup
from ..ops.maxpool import MaxPool
from ..ops.pad import Pad
from ..ops.rearrange import Rearrange
from ..ops.requantize import Requantize
from ..ops.shuffle import Shuffle
from ..ops.split import Split
from ..ops.threshold import Threshold
from ..ops.upsample import Upsample
from ..ops.window import Window

MOVING = (
    Add,
    Concat,
    Convert,
    Deconv,
    Fork,
    Lookup,
    Rearrange,
    Requantize,
    Shuffle,
    Split,
    Upsample,
)
"""One lane count, by default the producer's; they buffer no more than their schedule tells."""

SLIDING = (Depthwise, MaxPool, Pad, SumPool, Window)
"""Those over space, likewise; each beat of theirs holds channels of one place."""

EQUAL = (*MOVING, *SLIDING, Threshold)
"""All whose SIMD is their PE."""


def moving(node: Operator, given: list[int], *, interval: int, block_bits: int) -> Impl:
    """The default of a `MOVING` or `SLIDING` node whose operands come with the lanes ``given``.

    The widest of them where that is legal, else the next wider (the widest of all, where there
    is none): no operand is slowed down. Without any, the fewest lanes that take a frame in
    ``interval`` cycles. What it stores goes to block memory from ``block_bits`` on.
    """
    legal = [lanes for lanes in range(1, node.x.channels + 1) if _takes(node, lanes)]
    want = max(given, default=-(-node.x.size // interval))
    lanes = next((n for n in legal if n >= want), legal[-1])
    if given and _takes(node, want):
        lanes = want
    impl = Impl(pe=lanes, simd=lanes)
    memory: Memory = "distributed"
    if isinstance(node, Upsample | Rearrange):
        stored = node.replace(impl=impl).cost().state_bits
        memory = "block" if stored >= block_bits else "distributed"
    elif isinstance(node, Depthwise | Lookup | Requantize):
        memory = "block" if node.cost().weight_bits >= block_bits else "distributed"
    return Impl(pe=lanes, simd=lanes, memory=memory)


def _takes(node: Operator, lanes: int) -> bool:
    try:
        node.validate_impl(Impl(pe=lanes, simd=lanes))
    except SpecError:
        return False
    return True
