"""Orders that a model makes by Reshape and Transpose: which of them are a layer of hardware.

Channels may be permuted (`Shuffle`), blocks of places go to channels and back (`Rearrange`), and
both together; each is recognised by the order itself, however the model spells it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ops.convert import Convert
from ...ops.rearrange import Rearrange
from ...ops.shuffle import Shuffle
from ...real import Affine, Channels, Leaky, Step, at
from ..reader.model import Node
from ..symbolic.context import Builder, Call
from ..symbolic.values import Data, Known, RefusedError, compact


def depth_to_space(call: Call) -> Known:
    x, block = call.image(0), _block(call)
    mode = call.attributes.get("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise RefusedError(f"its mode must be DCR or CRD, not {mode[:40]!r}")
    if len(x.frame) != 3 or x.channels % block**2:
        raise RefusedError(
            f"its data must be [batch, channels, rows, columns] with a multiple of {block**2}"
            f" channels, not {['batch', *x.shape]}"
        )
    order = to_space(x.image, block, columns_first=mode == "CRD")
    return call.arranged(x.reordered(order.reshape(-1), order.shape))


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
    block = call.attributes.get("blocksize", 0)
    if not 1 <= block <= 1 << 10:
        raise RefusedError(f"its blocksize must be 1 to 1024, not {block}")
    return block


def to_space(image: tuple[int, ...], b: int, *, columns_first: bool = False) -> np.ndarray:
    """Which element of ``[C, H, W]`` stands at each place of ``[C / b / b, H * b, W * b]``."""
    c, h, w = image
    order = np.arange(c * h * w)
    if columns_first:
        blocks = order.reshape(c // b**2, b, b, h, w).transpose(0, 3, 1, 4, 2)
    else:
        blocks = order.reshape(b, b, c // b**2, h, w).transpose(2, 3, 0, 4, 1)
    return blocks.reshape(c // b**2, h * b, w * b)


def to_depth(image: tuple[int, ...], b: int) -> np.ndarray:
    """Which element of ``[C, H, W]`` stands at each place of ``[C * b * b, H / b, W / b]``."""
    c, h, w = image
    blocks = np.arange(c * h * w).reshape(c, h // b, b, w // b, b).transpose(2, 4, 0, 1, 3)
    return blocks.reshape(c * b**2, h // b, w // b)


def arrange(builder: Builder, data: Data, node: Node) -> Data:
    """``data`` with its order made by layers, if there are such; else as it is."""
    if data.type is None or data.is_image or len(data.shape) not in (2, 3):
        return data
    seen = _seen(builder, data, node)
    if seen is not None:
        return seen
    if data.order is None or len(data.shape) != len(data.frame):
        return data
    if data.shape == data.image:
        channels = _permuted(data.order, np.arange(data.size), data.channels)
        return data if channels is None else _shuffled(builder, data, channels, node)
    if len(data.frame) != 3:
        return data
    (c, h, w), (_, rows, columns) = data.image, data.shape
    block = max(rows // h, h // max(rows, 1))
    if block < 2:
        return data
    if (rows, columns) == (h * block, w * block) and c % block**2 == 0:
        return _spread(builder, data, block, node)
    if (rows * block, columns * block) == (h, w):
        return _gathered(builder, data, block, node)
    return data


def _seen(builder: Builder, data: Data, node: Node) -> Data | None:
    """``data`` whose edge holds its elements in order but on other axes, or as a single vector."""
    if data.shape == data.image:
        return None
    channels, *places = data.shape
    wanted = np.moveaxis(data.stream.reshape(data.shape), 0, -1).reshape(-1)
    edge = data.edge
    if not np.array_equal(wanted, np.arange(data.size)):
        if data.size != data.channels:
            return None
        edge = builder.emit(Shuffle, node, edge, order=wanted).name
    steps = data.steps
    if channels != data.channels:
        rows = wanted.reshape(-1, channels) % data.channels
        steps = picked(data.steps, rows[0])
        if any(picked(data.steps, row) != steps for row in rows[1:]):
            raise RefusedError("its data must have one scale and offset for each channel")
    made = builder.emit(Convert, node, edge, shape=(*places, channels))
    return replace(data, edge=made.name, frame=made.y.shape, steps=steps, order=None)


def _permuted(order: np.ndarray, plain: np.ndarray, channels: int) -> np.ndarray | None:
    """Channels ``p`` with ``order[c] = plain[p[c]]`` for rows of channels, or None."""
    order, plain = order.reshape(channels, -1), plain.reshape(channels, -1)
    where = {int(v): c for c, v in enumerate(plain[:, 0])}
    found = np.array([where.get(int(v), 0) for v in order[:, 0]])
    return found if np.array_equal(plain[found], order) else None


def _shuffled(builder: Builder, data: Data, channels: np.ndarray, node: Node) -> Data:
    """``data`` with channel ``c`` being its ``channels[c]``."""
    if np.array_equal(channels, np.arange(len(channels))):
        return replace(data, order=None)
    made = builder.emit(Shuffle, node, data.edge, order=channels)
    return replace(data, edge=made.name, steps=picked(data.steps, channels), order=None)


def _spread(builder: Builder, data: Data, block: int, node: Node) -> Data:
    """Channels to blocks of places, behind a shuffle if they stand in another order."""
    plain = to_space(data.image, block).reshape(-1)
    order = np.empty(data.size, np.int64)
    order[plain] = np.asarray(
        data.order
    )  # of each element of the present image, which one is wanted there
    channels = _permuted(order, np.arange(data.size), data.channels)
    if channels is None:
        return data
    inner = _shuffled(builder, replace(data, shape=data.image), channels, node)
    made = builder.emit(Rearrange, node, inner.edge, block=block, direction="to_space")
    small = data.channels // block**2
    every = np.arange(data.channels).reshape(-1, small)
    if any(picked(inner.steps, row) != picked(inner.steps, every[0]) for row in every):
        raise RefusedError("the channels that become one must have one scale")
    return replace(
        inner,
        edge=made.name,
        shape=data.shape,
        frame=made.y.shape,
        steps=picked(inner.steps, every[0]),
    )


def _gathered(builder: Builder, data: Data, block: int, node: Node) -> Data:
    """Blocks of places to channels, in front of a shuffle if they come in another order."""
    plain = to_depth(data.image, block)
    channels = _permuted(np.asarray(data.order), plain.reshape(-1), len(plain))
    if channels is None:
        return data
    made = builder.emit(Rearrange, node, data.edge, block=block, direction="to_depth")
    steps = picked(data.steps, np.arange(len(plain)) % data.channels)
    deep = replace(data, edge=made.name, frame=made.y.shape, steps=steps, order=None)
    return _shuffled(builder, deep, channels, node)


def picked(steps: tuple[Step, ...], channels: np.ndarray) -> tuple[Step, ...]:
    """``steps`` on the channels given, in that order."""
    return tuple(_picked(s, channels) for s in steps)


def _picked(step: Step, channels: np.ndarray) -> Step:
    if isinstance(step, Affine):
        return Affine(pick(step.scale, channels), pick(step.offset, channels))
    return Leaky(pick(step.slope, channels)) if isinstance(step, Leaky) else step


def pick(values: Channels, channels: np.ndarray) -> Channels:
    """The numbers of the channels given, in that order."""
    return values if len(values) == 1 else compact([at(values, int(c)) for c in channels])
