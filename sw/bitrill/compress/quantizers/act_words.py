"""Activation quantizers by bits or word, as modules for a network's graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import brevitas.nn as qnn
from torch import nn

from ...frontend.reader.local_functions import LARGEST_BITS
from . import quantizer_words
from .act_grids import ActGrid, DorefaAct, HwgqAct, LogAct, LsqAct, PactAct, quantizer
from .act_modules import LqAct, QilAct, RootLogAct, UnevenAct
from .integers import DEFAULT, RangeRule, act_quantizer
from .integers import of_acts as integers

MOST_BITS = 8

MOST_UNEVEN = 3
"""Most bits of uneven levels: each level but the first is a quantizer of its own."""

Make: TypeAlias = Callable[[int, bool], nn.Module]
"""Gives a quantizer for bits, and whether values are rectified: never negative."""

WORDS: dict[str, quantizer_words.Word[Make]] = {}

RECTIFYING = (qnn.QuantReLU, LogAct, QilAct, UnevenAct)
"""Quantizers whose results are never negative."""


def faults(given: int | str) -> list[str]:
    """Return the faults of bits or a word: at most one."""
    if isinstance(given, str):
        return quantizer_words.faults(given, WORDS, "acts", f"1 to {MOST_BITS}, or ")
    if 1 <= given <= MOST_BITS:
        return []
    return [f"acts must be 1 to {MOST_BITS} bits, not {given}"]


def make(given: int | str, rectified: bool, ranges: RangeRule = DEFAULT) -> nn.Module:
    """Make a quantizer for bits (see `integers.of_acts`) or a word, without faults.

    Words are for rectified values: where others are quantized, they have as many bits as integers.
    """
    if isinstance(given, str):
        name, bits = quantizer_words.split(given, WORDS)
        return WORDS[name].make(bits or 0, rectified)
    return integers(given, rectified, ranges)


def zero_or_one(_: int, __: bool) -> nn.Module:
    """Make a quantizer of one bit after a ReLU: 0 or 1 times a scale that calibration finds."""
    return qnn.QuantReLU(act_quant=act_quantizer(True), bit_width=1)


def _of(kind: type[ActGrid]) -> Make:
    return _module(lambda bits: quantizer(kind, bits))


def _module(kind: Callable[[int], nn.Module]) -> Make:
    def made(bits: int, rectified: bool) -> nn.Module:
        return kind(bits) if rectified else integers(bits, False)

    return made


WORDS["zero_or_one"] = quantizer_words.Word("zero_or_one", zero_or_one)
for _name, _kind in (("dorefa", DorefaAct), ("pact", PactAct), ("lsq", LsqAct), ("hwgq", HwgqAct)):
    WORDS[_name] = quantizer_words.Word(_name, _of(_kind), range(1, MOST_BITS + 1))
WORDS["log"] = quantizer_words.Word("log", _module(LogAct), range(2, LARGEST_BITS + 1))
WORDS["qil"] = quantizer_words.Word("qil", _module(QilAct), range(1, MOST_BITS + 1))
WORDS["log_root"] = quantizer_words.Word("log_root", _module(RootLogAct), range(2, MOST_UNEVEN + 1))
WORDS["lq"] = quantizer_words.Word("lq", _module(LqAct), range(1, MOST_UNEVEN + 1))
