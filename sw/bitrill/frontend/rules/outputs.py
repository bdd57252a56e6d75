"""Rules for what may stand at a model's end: Softmax, which is dropped, ArgMax and TopK."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from ...ops.argmax import ArgMax
from ...passes.head import integer_scores
from ...real import Affine, at
from ..symbolic.context import RAW_HINT, Call
from ..symbolic.values import Data, Head, RefusedError

_log = logging.getLogger(__name__)

PASSED = ("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")
"""Operators that say nothing new behind a head."""

READERS = ("ArgMax", "TopK")


def softmax(call: Call) -> Head:
    """Softmax keeps the order of scores: only the decision is kept, which is said."""
    x, _ = _scores(call, call.data(0))
    _check_axis(call, -1)
    _log.warning(
        "%s is dropped: the output gives the scores in front of it, in the same order", call.node
    )
    return Head(x)


def arg_max(call: Call) -> Head:
    if call.attributes.get("select_last_index", 0):
        raise RefusedError("select_last_index must be 0: among equals the lowest index wins")
    return _decided(call, 1, axis=0)


def top_k(call: Call) -> tuple[Head, ...]:
    """The indices; nothing may read the values."""
    if not call.attributes.get("largest", 1) or not call.attributes.get("sorted", 1):
        raise RefusedError("largest and sorted must be 1")
    k = call.integers(1, "k").reshape(-1).tolist() if call.has(1) else [call.attributes.get("k", 0)]
    if len(k) != 1 or k[0] < 1:
        raise RefusedError(f"its k must be one integer of at least 1, not {k[:8]}")
    head = _decided(call, k[0], axis=-1)
    return head, head


def _decided(call: Call, k: int, *, axis: int) -> Head:
    _check_axis(call, axis)
    x, meaning = _scores(call, call.data(0))
    edge = call.builder.edges[x.edge]
    channels = range(x.channels)
    gain, offset = integer_scores(
        [at(meaning.scale, c) for c in channels],
        [at(meaning.offset, c) for c in channels],
        edge.type,
    )
    node = call.emit(ArgMax, x.edge, gain=gain, offset=offset, k=k)
    made = replace(
        x, edge=node.name, type=node.y.type, shape=(k,), frame=(k,), steps=(), order=None
    )
    return Head(made, decided=True)


def _scores(call: Call, x: Data) -> tuple[Data, Affine]:
    """``x`` as one vector of scores, and what they mean."""
    x = call.builder.settle(x)
    if x.type is None:
        raise RefusedError(f"it takes unquantized floats; {RAW_HINT}")
    if x.affine is None:
        raise RefusedError(
            "its scores must be a scale times integers plus an offset, not what a Relu or Clip"
            " gives of them"
        )
    if x.size != x.channels or np.argmax(x.shape) != 0:
        raise RefusedError(
            f"its scores must be [batch, classes], not {['batch', *x.shape]}; flatten them first"
        )
    return x, x.affine


def _check_axis(call: Call, default: int) -> None:
    axis = call.attributes.get("axis", default)
    rank = len(call.data(0).shape) + 1
    if axis not in (1, 1 - rank):
        raise RefusedError(f"its axis must be 1, the classes, not {axis}")
