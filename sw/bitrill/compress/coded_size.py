"""Bits of weights as Deep Compression stores them (Han et al. 2016).

Weights of few values are indices into a codebook. If it is shorter, zeros are left out, and each
other weight is stored with the number of zeros that precede it. Indices and numbers of zeros have
Huffman codes, whose lengths are stored, too.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import numpy as np

LENGTH_BITS = 8
"""Bits of the length of one symbol's code, from which a canonical Huffman code is made again."""

GAP_BITS = range(2, 9)
"""Widths of a number of zeros that are tried for each layer; Han et al. take 5 or 8."""


def huffman_bits(counts: Iterable[int]) -> int:
    """Return the bits of a text with these counts of symbols; at least one bit for each symbol."""
    heap = [int(n) for n in counts if n]
    total, symbols = 0, sum(heap)
    heapq.heapify(heap)
    while len(heap) > 1:
        pair = heapq.heappop(heap) + heapq.heappop(heap)
        total += pair
        heapq.heappush(heap, pair)
    return max(total, symbols)


def coded_bits(values: np.ndarray, width: int) -> int:
    """Return the least bits of weights ``[n]``, of which an uncoded one has ``width`` bits."""
    entries, counts = np.unique(values, return_counts=True)
    codebook = len(entries) * (width + LENGTH_BITS)
    gaps = np.diff(np.flatnonzero(values), prepend=-1) - 1
    plain = values.size * width
    sizes = [plain]
    sizes += [_gap_bits(gaps, k) + (len(gaps) + _fillers(gaps, k)) * width for k in GAP_BITS]
    if codebook < plain:
        others = counts[entries != 0]
        sizes.append(huffman_bits(counts) + codebook)
        sizes += [
            _gap_bits(gaps, k) + huffman_bits([*others, _fillers(gaps, k)]) + codebook
            for k in GAP_BITS
        ]
    return min(sizes)


def _fillers(gaps: np.ndarray, bits: int) -> int:
    """Return how many zeros are stored like other weights, since a gap is too long."""
    return int((gaps >> bits).sum())


def _gap_bits(gaps: np.ndarray, bits: int) -> int:
    counts = np.bincount(gaps & ((1 << bits) - 1), minlength=1 << bits)
    counts[-1] += _fillers(gaps, bits)
    return huffman_bits(counts) + LENGTH_BITS * int((counts > 0).sum())
