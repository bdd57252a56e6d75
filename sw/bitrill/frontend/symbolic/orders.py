"""Emits the layers that reorder elements as a model's Reshapes and Transposes do.

A permutation of channels becomes a `Shuffle`; blocks of pixels that are moved to channels, or back,
become a `Rearrange`. Only the resulting order of the elements matters, however the model spells it.

Layouts (see `Data` and ``docs/glossary.md``, "Importing"): ``shape`` is the model's; ``frame`` the
edge's, ``[*places, channels]``; ``image`` the same with channels first. Element i of ``shape`` has
index ``order[i]`` in ``image`` and index ``stream[i]`` in the edge's stream.
"""

from dataclasses import replace

import numpy as np

from ...ops import Convert, Rearrange, Shuffle
from ...real import Step
from ..reader.model import Node
from .builder import GraphBuilder
from .refusal import RefusedError
from .values import Data


def to_space(image: tuple[int, ...], b: int, *, columns_first: bool = False) -> np.ndarray:
    """Return, for each element of ``[C / b / b, H * b, W * b]``, its index in ``[C, H, W]``."""
    c, h, w = image
    order = np.arange(c * h * w)
    if columns_first:
        blocks = order.reshape(c // b**2, b, b, h, w).transpose(0, 3, 1, 4, 2)
    else:
        blocks = order.reshape(b, b, c // b**2, h, w).transpose(2, 3, 0, 4, 1)
    return blocks.reshape(c // b**2, h * b, w * b)


def to_depth(image: tuple[int, ...], b: int) -> np.ndarray:
    """Return, for each element of ``[C * b * b, H / b, W / b]``, its index in ``[C, H, W]``."""
    c, h, w = image
    blocks = np.arange(c * h * w).reshape(c, h // b, b, w // b, b).transpose(2, 4, 0, 1, 3)
    return blocks.reshape(c * b**2, h // b, w // b)


def arrange(builder: GraphBuilder, data: Data, node: Node) -> Data:
    """Emit the layers that bring elements into the model's order; returns their result, an image.

    ``data`` is returned unchanged where no layer makes that order.
    """
    if data.type is None or data.is_image or len(data.shape) not in (2, 3):
        return data
    data = builder.settle(data)
    converted = _converted(builder, data, node)
    if converted is not None:
        return converted
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


def _converted(builder: GraphBuilder, data: Data, node: Node) -> Data | None:
    """Return ``data`` as an image if its stream needs only another shape, else None.

    Data of a single pixel can be shuffled into any order, too.
    """
    if data.shape == data.image:
        return None
    channels, *places = data.shape
    wanted = np.moveaxis(data.stream.reshape(data.shape), 0, -1).reshape(-1)
    edge = data.edge
    if not np.array_equal(wanted, np.arange(data.size)):
        if data.size != data.channels:
            return None
        edge = builder.emit(Shuffle, node, edge, part=True, share=True, order=wanted).name
    steps = data.steps
    if channels != data.channels:
        rows = wanted.reshape(-1, channels) % data.channels
        steps = _picked(data.steps, rows[0])
        if any(_picked(data.steps, row) != steps for row in rows[1:]):
            raise RefusedError("its data must have one scale and offset for each channel")
    shape = (*places, channels)
    made = builder.emit(Convert, node, edge, part=True, share=True, shape=shape)
    return replace(data, edge=made.name, frame=made.y.shape, steps=steps, order=None)


def innermost(builder: GraphBuilder, data: Data, node: Node) -> Data | None:
    """Return ``data`` with its last axis as channels.

    None where the stream does not deliver the elements of the last axis one after the other.
    """
    if not np.array_equal(data.stream, np.arange(data.size)):
        return None
    channels = data.shape[-1]
    if channels == data.channels:
        return data
    rows = data.stream.reshape(-1, channels) % data.channels
    steps = _picked(data.steps, rows[0])
    if any(_picked(data.steps, row) != steps for row in rows[1:]):
        raise RefusedError("its data must have one scale and offset for each channel")
    made = builder.emit(Convert, node, data.edge, part=True, share=True, shape=data.shape)
    turned = replace(data, edge=made.name, frame=made.y.shape, steps=steps)
    return turned.streamed(data.shape)


def _permuted(order: np.ndarray, plain: np.ndarray, channels: int) -> np.ndarray | None:
    """Return the permutation p of channels with ``order[c] = plain[p[c]]``, or None.

    ``plain``: the order without a shuffle. Both are seen as ``[channels, elements]``.
    """
    order, plain = order.reshape(channels, -1), plain.reshape(channels, -1)
    where = {int(v): c for c, v in enumerate(plain[:, 0])}
    channels_of = np.array([where.get(int(v), 0) for v in order[:, 0]])
    return channels_of if np.array_equal(plain[channels_of], order) else None


def _shuffled(builder: GraphBuilder, data: Data, channels: np.ndarray, node: Node) -> Data:
    """Return ``data`` with its channel ``channels[c]`` as channel ``c``."""
    if np.array_equal(channels, np.arange(len(channels))):
        return replace(data, order=None)
    made = builder.emit(Shuffle, node, data.edge, part=True, share=True, order=channels)
    return replace(data, edge=made.name, steps=_picked(data.steps, channels), order=None)


def _spread(builder: GraphBuilder, data: Data, block: int, node: Node) -> Data:
    """Move channels to blocks of pixels; a shuffle first sorts the channels if need be."""
    plain = to_space(data.image, block).reshape(-1)
    # the shuffle works before the `Rearrange`: undo that one, by the inverse permutation
    order = np.empty(data.size, np.int64)
    order[plain] = np.asarray(data.order)
    channels = _permuted(order, np.arange(data.size), data.channels)
    if channels is None:
        return data
    inner = _shuffled(builder, replace(data, shape=data.image), channels, node)
    made = builder.emit(
        Rearrange, node, inner.edge, part=True, share=True, block=block, direction="to_space"
    )
    small = data.channels // block**2
    every = np.arange(data.channels).reshape(-1, small)
    if any(_picked(inner.steps, row) != _picked(inner.steps, every[0]) for row in every):
        raise RefusedError("the channels that merge into one must have the same scale")
    return replace(
        inner,
        edge=made.name,
        shape=data.shape,
        frame=made.y.shape,
        steps=_picked(inner.steps, every[0]),
    )


def _gathered(builder: GraphBuilder, data: Data, block: int, node: Node) -> Data:
    """Move blocks of pixels to channels; a shuffle then sorts the channels if need be."""
    plain = to_depth(data.image, block)
    channels = _permuted(np.asarray(data.order), plain.reshape(-1), len(plain))
    if channels is None:
        return data
    made = builder.emit(
        Rearrange, node, data.edge, part=True, share=True, block=block, direction="to_depth"
    )
    steps = _picked(data.steps, np.arange(len(plain)) % data.channels)
    deep = replace(data, edge=made.name, frame=made.y.shape, steps=steps, order=None)
    return _shuffled(builder, deep, channels, node)


def _picked(steps: tuple[Step, ...], channels: np.ndarray) -> tuple[Step, ...]:
    """Return the steps of some channels, in the order of ``channels``."""
    return tuple(s.pick(channels.tolist()) for s in steps)
