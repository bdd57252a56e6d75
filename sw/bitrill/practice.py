"""Practical rules of surveys of few-bit networks: figures from which they speak, and sources."""

HIGH_BITS = 8
"""Bits that first and last layers keep."""

ZEROS = 0.3
"""Share of zero weights from which it matters that folded hardware computes with them."""

ENDS = "Liang et al. 2021; first and last layer at 8 bits in DoReFa and XNOR-Net"
WEIGHTS_FIRST = "Liang et al. 2021: weights before activations"
FOLDED_ZEROS = (
    "Bitrill: 64-32-10 folded, 1,057 LUTs dense, 1,024 half zero, 806 with half the neurons"
)
