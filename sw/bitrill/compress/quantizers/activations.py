"""Activation quantizers by bits or word: modules that stand in a network's graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import brevitas.nn as qnn
from brevitas.quant import Int8ActPerTensorFloat, Uint8ActPerTensorFloat
from torch import nn

from ...errors import meant
from ...train import brevitas_quantizers

MOST_BITS = 8


@dataclass(frozen=True)
class Word:
    """An activation quantizer: ``make(bits, rectified)``; rectified values are never negative."""

    name: str
    make: Callable[[int, bool], nn.Module]
    numbers: range = range(0)


WORDS: dict[str, Word] = {}


def faults(given: int | str) -> list[str]:
    """Return what is wrong with bits or a word: at most one reason."""
    if isinstance(given, int):
        if 1 <= given <= MOST_BITS:
            return []
        return [f"acts must be 1 to {MOST_BITS} bits, not {given}"]
    if given in WORDS:
        return []
    known = list(WORDS)
    words = ", ".join(known)
    return [f"acts must be 1 to {MOST_BITS}, or one of {words}, not {given!r}{meant(given, known)}"]


def make(given: int | str, rectified: bool) -> nn.Module:
    """Make a quantizer for bits or a word without faults.

    One bit: the sign, -1 or +1, whether or not values are rectified, since a rectifier's sign says
    nothing. More: integers from 0 on if they are rectified, else signed narrow ones; the scale is
    learned, and begins at what calibration finds.
    """
    if isinstance(given, str):
        return WORDS[given].make(0, rectified)
    return integers(given, rectified)


def integers(bits: int, rectified: bool) -> nn.Module:
    """Make a quantizer for so many bits; see `make`."""
    if bits == 1:
        return qnn.QuantIdentity(act_quant=brevitas_quantizers.IntActivation, bit_width=1)
    if rectified:
        return qnn.QuantReLU(act_quant=Uint8ActPerTensorFloat, bit_width=bits)
    return qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat, bit_width=bits, narrow_range=True)


def zero_or_one(_: int, __: bool) -> nn.Module:
    """Make DoReFa's 1-bit activations: 0 or 1 times a scale, behind a rectifier (Zhou 2016)."""
    return qnn.QuantReLU(act_quant=Uint8ActPerTensorFloat, bit_width=1)


WORDS["zero_or_one"] = Word("zero_or_one", zero_or_one)
