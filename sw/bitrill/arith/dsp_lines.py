"""Plans ``gain * x + offset`` in DSP slices: one, or two where gains are wide.

A slice of the 7 series (DSP48E1, Xilinx UG479) multiplies 25 by 18 bits and adds 48 bits. It can
also add the sum of the slice before it, shifted right by 17 bits. So two slices multiply by 35
bits: the first by the low 17 bits of the gain, the second by the rest:

    gain = high * 2**17 + low
    (gain * x + offset) >> 17 = high * x + ((low * x + offset) >> 17)

The lowest 17 bits of the result are dropped: it is always shifted right by at least as many.
"""

from ..ir import IntType
from .dsp_packing import SUM_BITS, WEIGHT_BITS, X_BITS, port

LOW = 17
"""Bits of a gain that the first of two slices multiplies by, without a sign."""


def line_slices(x: IntType, gain: IntType, offset: IntType, shift: int) -> int:
    """Return the number of slices of ``(gain * x + offset) >> shift``, 0 if it does not fit."""
    if not x.coding.binary or port(x) > WEIGHT_BITS:
        return 0
    if port(gain) <= X_BITS:
        return 1
    size = max(abs(x.lo), abs(x.hi))
    most = (size << LOW) + max(abs(offset.lo), abs(offset.hi))
    whole = most.bit_length() < SUM_BITS
    return 2 if port(gain) <= LOW + X_BITS and shift >= LOW and whole else 0
