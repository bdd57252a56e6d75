"""What every kind of operator, and a FIFO, is made of at its folding: see `structure`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir.structure import Structure
from .structures_arithmetic import add, argmax, depthwise, matvec, pool
from .structures_channels import lookup, requantize, threshold
from .structures_moving import (
    concat,
    convert,
    deconv,
    fifo_structure,
    fork,
    pad,
    rearrange,
    shuffle,
    split,
    upsample,
    window,
)
from .structures_open import runtime, streamed


def _simple(op: Any) -> Structure:
    """Registers of a beat, with a counter or two of turns."""
    s = Structure()
    width = op.lanes_out * op.y.type.bits
    s.luts(width=width)
    s.flops(held=width)
    return s


_KINDS: dict[str, Callable[[Any], Structure]] = {
    "matvec": matvec,
    "l1matvec": matvec,
    "threshold": threshold,
    "convert": convert,
    "depthwise": depthwise,
    "window": window,
    "maxpool": pool,
    "avgpool": pool,
    "add": add,
    "concat": concat,
    "split": split,
    "fork": fork,
    "pad": pad,
    "deconv": deconv,
    "upsample": upsample,
    "shuffle": shuffle,
    "rearrange": rearrange,
    "lookup": lookup,
    "requantize": requantize,
    "argmax": argmax,
}


_OPEN = {"runtime": runtime, "streamed": streamed}


def structure(op: Any) -> Structure:
    """The counts of a folded operator; of one of no kind above, its result's register."""
    found = _KINDS.get(op.kind, _simple)
    made = _OPEN.get(op.folded.style)
    return found(op) if made is None else made(op, found)


__all__ = ["fifo_structure", "structure"]
