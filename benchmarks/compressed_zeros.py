"""Networks of random constants with zeros in blocks, or N of M columns, beside narrower ones.

The first layer of each keeps half of its weights. ``narrow`` has half of its columns and so as many
weights, but other ones: what a compression can save at most. ``dense`` has no zeros there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from bitrill.ir import Graph
from bitrill.ops import MatVec, Window
from compressed_networks import INT4, Case, Form, Network

Mask = Callable[[np.random.Generator, int, int], np.ndarray]
"""Which weights are kept, of a generator, rows and columns: bool ``[rows, columns]``."""


def blocks(rows: int, columns: int, taps: int = 1) -> Mask:
    """Keep half of the blocks of so many rows and columns, at each of ``taps`` alike."""

    def mask(rng: np.random.Generator, n_rows: int, n_cols: int) -> np.ndarray:
        n = n_cols // taps // columns
        rank = np.argsort(rng.random((n_rows // rows, n)), axis=1)
        kept = (rank < n // 2).repeat(rows, axis=0).repeat(columns, axis=1)
        return np.tile(kept, taps)

    return mask


def shapes(columns: int) -> Mask:
    """Keep half of the blocks of so many columns, the same ones in all rows."""

    def mask(rng: np.random.Generator, n_rows: int, n_cols: int) -> np.ndarray:
        n = n_cols // columns
        kept = (np.argsort(rng.random(n)) < n // 2).repeat(columns)
        return np.tile(kept, (n_rows, 1))

    return mask


def two_of_four(rows: int) -> Mask:
    """Keep two of each four columns, the same ones for so many rows."""

    def mask(rng: np.random.Generator, n_rows: int, n_cols: int) -> np.ndarray:
        rank = np.argsort(rng.random((n_rows // rows, n_cols // 4, 4)), axis=2)
        return (rank < 2).repeat(rows, axis=0).reshape(n_rows, n_cols)

    return mask


def elements(share: float) -> Mask:
    """Prune so many of the weights, anywhere."""

    def mask(rng: np.random.Generator, n_rows: int, n_cols: int) -> np.ndarray:
        rank = np.argsort(rng.random(n_rows * n_cols)).reshape(n_rows, n_cols)
        return rank >= share * rank.size

    return mask


def everything(channels: int) -> np.ndarray:
    """Keep all channels."""
    return np.ones(channels, bool)


def masked(n: Network, edge: str, rows: int, mask: Mask) -> str:
    """Add a matrix of 4 bits without zeros but those of ``mask``, if the form is compressed."""
    columns = n.tensors[edge].channels
    weights = n.rng.choice([w for w in INT4.values() if w], (rows, columns))
    if n.form == "compressed":
        weights = weights * mask(n.rng, rows, columns)
    edge = n.node(MatVec, edge, weights=weights, weight_type=INT4)
    n.live[edge] = everything(rows)
    return edge


def dense(mask: Mask, form: Form) -> Graph:
    """Build a network 64-64-10."""
    n = Network(form, (32 if form == "narrow" else 64,), everything)
    return n.graph(n.linear(n.act(masked(n, "input", 64, mask)), 10))


def pruned(share: float, form: Form) -> Graph:
    """Build a network 64-64-10 with single weights of both layers pruned."""
    n = Network(form, (64,), everything)
    return n.graph(masked(n, n.act(masked(n, "input", 64, elements(share))), 10, elements(share)))


def conv(mask: Mask, form: Form) -> Graph:
    """Build a convolution of 2x2 from 16 to 32 channels on 8x8 pixels, and one of 1x1 to 10."""
    n = Network(form, (8, 8, 8 if form == "narrow" else 16), everything)
    edge = n.node(Window, "input", kernel=(2, 2), stride=(1, 1))
    return n.graph(n.linear(n.act(masked(n, edge, 32, mask)), 10))


ZEROS = (
    Case("groups", lambda form: dense(blocks(2, 16), form)),
    Case("two-of-four-groups", lambda form: dense(two_of_four(8), form)),
    Case("two-of-four-rows", lambda form: dense(two_of_four(1), form)),
    Case("conv-kernels", lambda form: conv(blocks(2, 8, 4), form)),
    Case("conv-shapes", lambda form: conv(shapes(8), form)),
    Case("elements-half", lambda form: pruned(0.5, form), 0.5),
    Case("elements-90", lambda form: pruned(0.9, form), 0.9),
)
"""What is measured, in the order of the table."""
