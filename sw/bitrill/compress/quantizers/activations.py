"""Activation quantizers by bits or word: modules that stand in a network's graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import brevitas.nn as qnn
from brevitas.quant import Int8ActPerTensorFloat, Uint8ActPerTensorFloat
from torch import nn

from ...frontend.reader.functions import LARGEST_BITS
from ...train import brevitas_quantizers
from . import words
from .act_grids import ActGrid, DorefaAct, HwgqAct, LogAct, LsqAct, PactAct, quantizer

MOST_BITS = 8

Make: TypeAlias = Callable[[int, bool], nn.Module]
"""Gives a quantizer for bits, and whether values are rectified: never negative."""

WORDS: dict[str, words.Word[Make]] = {}

RECTIFYING = (qnn.QuantReLU, LogAct)
"""Quantizers that give no negative values, whatever they read."""


def faults(given: int | str) -> list[str]:
    """Return what is wrong with bits or a word: at most one reason."""
    if isinstance(given, str):
        return words.faults(given, WORDS, "acts", f"1 to {MOST_BITS}, or ")
    if 1 <= given <= MOST_BITS:
        return []
    return [f"acts must be 1 to {MOST_BITS} bits, not {given}"]


def make(given: int | str, rectified: bool) -> nn.Module:
    """Make a quantizer for bits or a word without faults.

    One bit: the sign, -1 or +1, whether or not values are rectified, since a rectifier's sign says
    nothing. More: integers from 0 on if they are rectified, else signed narrow ones; the scale is
    learned, and begins at what calibration finds. Words are for rectified values: where others
    are quantized, they have as many bits as integers.
    """
    if isinstance(given, str):
        name, bits = words.split(given, WORDS)
        return WORDS[name].make(bits or 0, rectified)
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


def _of(kind: type[ActGrid]) -> Make:
    def made(bits: int, rectified: bool) -> nn.Module:
        return quantizer(kind, bits) if rectified else integers(bits, False)

    return made


def _log(bits: int, rectified: bool) -> nn.Module:
    return LogAct(bits) if rectified else integers(bits, False)


WORDS["zero_or_one"] = words.Word("zero_or_one", zero_or_one)
for _name, _kind in (("dorefa", DorefaAct), ("pact", PactAct), ("lsq", LsqAct), ("hwgq", HwgqAct)):
    WORDS[_name] = words.Word(_name, _of(_kind), range(1, MOST_BITS + 1))
WORDS["log"] = words.Word("log", _log, range(2, LARGEST_BITS + 1))
