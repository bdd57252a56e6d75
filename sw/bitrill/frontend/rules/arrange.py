"""Rules for DepthToSpace and SpaceToDepth: blocks of pixels become channels, or the reverse.

Words: ``docs/glossary.md``, "Importing" (frame, image, order, deferred).
"""

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from ...ir import Quantizer
from ...real import chain, pick
from ..reader.model import Node
from ..symbolic import (
    Call,
    Data,
    Deferred,
    GraphBuilder,
    Known,
    RefusedError,
    arrange,
    to_depth,
    to_space,
)
from .table import rule, since


@rule(
    "DepthToSpace", inputs=1, layout="spatial", integers="kept", blocksize=int, mode=since(11, str)
)
def depth_to_space(call: Call) -> Known:
    x, block = call.image(0), _block(call)
    mode = call.text_attribute("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise RefusedError(f"its mode must be DCR or CRD, not {mode[:40]!r}")
    if len(x.frame) != 3 or x.channels % block**2:
        raise RefusedError(
            f"its data must be [batch, channels, rows, columns] with a multiple of {block**2}"
            f" channels, not {['batch', *x.shape]}"
        )
    order = to_space(x.image, block, columns_first=mode == "CRD")
    parts = order.reshape(len(order), -1) // prod(x.frame[:-1])  # the channels that merge into one
    firsts = [s.pick(parts[:, 0].tolist()) for s in x.steps]
    if all([s.pick(p.tolist()) for s in x.steps] == firsts for p in parts.T[1:]):
        return call.arranged(x.reordered(order.reshape(-1), order.shape))
    owner = np.empty(x.channels, np.int64)
    owner[parts] = np.arange(len(parts))[:, None]
    call.check_quantized(x)
    spread = Spread(call.builder, x, order, owner.tolist(), call.node)
    channels, *places = order.shape
    return replace(
        x, shape=order.shape, frame=(*places, channels), steps=(), quantized=False, deferred=spread
    )


@dataclass(frozen=True, eq=False)
class Spread(Deferred):
    """Channels of different scales moved to blocks of pixels, deferred until after a quantizer.

    ``order``: for each element, its index in ``before``; ``owner``: the channel that each channel
    becomes.
    """

    builder: GraphBuilder
    before: Data
    order: np.ndarray
    owner: list[int]
    node: Node

    def quantize(self, data: Data, quantizer: Quantizer, node: Node) -> str:
        wide = replace(
            quantizer,
            scale=pick(quantizer.scale, self.owner),
            zero=pick(quantizer.zero, self.owner),
        )
        steps = tuple(s.pick(self.owner) for s in data.steps)
        inner = replace(self.before, steps=chain(self.before.steps, steps))
        edge = self.builder.quantize(inner, wide, node)
        done = replace(self.before, edge=edge, type=wide.type, steps=(), deferred=None)
        moved = done.reordered(self.order.reshape(-1), self.order.shape)
        return arrange(self.builder, moved, self.node).edge

    def settle(self, data: Data) -> Data:
        raise RefusedError(
            f"the channels that {self.node} merges must have the same scale and offset, and a bias"
            " or batch norm before it gives them several; put a quantizer between the two, or"
            " right after it"
        )


@rule("SpaceToDepth", inputs=1, layout="spatial", integers="kept", blocksize=int)
def space_to_depth(call: Call) -> Known:
    x, block = call.image(0), _block(call)
    if len(x.frame) != 3 or x.shape[1] % block or x.shape[2] % block:
        raise RefusedError(
            f"its data must be [batch, channels, rows, columns] with multiples of {block} rows and"
            f" columns, not {['batch', *x.shape]}"
        )
    order = to_depth(x.image, block)
    return call.arranged(x.reordered(order.reshape(-1), order.shape))


def _block(call: Call) -> int:
    block = call.int_attribute("blocksize", 0)
    if not 1 <= block <= 1 << 10:
        raise RefusedError(f"its blocksize must be 1 to 1024, not {block}")
    return block
