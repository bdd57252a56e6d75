"""Rules for a classifier's end: Softmax, which is dropped, ArgMax and TopK."""

import logging
from dataclasses import replace

import numpy as np

from ...ops import ArgMax
from ...passes.head import integer_scores
from ...real import Affine, at
from ..symbolic import Call, Data, Head, RefusedError
from .table import rule, since, until

_log = logging.getLogger(__name__)


@rule("Softmax", inputs=1, axis=int)
def softmax(call: Call) -> Head:
    """Leave Softmax out, with a warning: it keeps the order of the scores."""
    x, _ = _scores(call, call.data(0))
    _check_axis(call, -1)
    _log.warning(
        "%s is dropped: the output gives the scores in front of it, in the same order", call.node
    )
    return Head(x)


@rule(
    "ArgMax",
    inputs=1,
    after_head="read",
    integers="read",
    axis=int,
    keepdims=int,
    select_last_index=since(12, int),
)
def arg_max(call: Call) -> Head:
    """Decide for the class of the highest score; the lowest index wins among equals."""
    if call.int_attribute("select_last_index", 0):
        raise RefusedError("select_last_index must be 0: among equals the lowest index wins")
    return _decided(call, 1, axis=0)


@rule(
    "TopK",
    inputs={1: 1, 10: 2},
    outputs="all",
    after_head="read",
    integers="read",
    axis=int,
    k=until(9, int),
    largest=since(11, int),
    sorted=since(11, int),
)
def top_k(call: Call) -> tuple[Head, ...]:
    """Give the indices of the highest scores; nothing may read their values."""
    if not call.int_attribute("largest", 1) or not call.int_attribute("sorted", 1):
        raise RefusedError("largest and sorted must be 1")
    k = call.integers(1, "k").reshape(-1).tolist() if call.has(1) else [call.int_attribute("k", 0)]
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
    """Return ``x`` as one vector of scores, and their meaning."""
    x = call.settled(x)
    meaning = x.meaning("its scores")
    if x.size != x.channels or np.argmax(x.shape) != 0:
        raise RefusedError(
            f"its scores must be [batch, classes], not {['batch', *x.shape]}; flatten them first"
        )
    return x, meaning


def _check_axis(call: Call, default: int) -> None:
    axis = call.int_attribute("axis", default)
    rank = len(call.data(0).shape) + 1
    if axis not in (1, 1 - rank):
        raise RefusedError(f"its axis must be 1, the classes, not {axis}")
