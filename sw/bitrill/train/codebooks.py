"""Weights that share a few values a layer, found by k-means (Han et al. 2016, Deep Compression)."""

from __future__ import annotations

import torch
from torch import Tensor

from .latent import BYTE, GridQuant, GridWeight, straight

FOLLOW = 0.05
"""How far a centroid goes towards the mean of its weights, on each batch of training."""


class CodebookQuant(GridQuant):
    """The nearest of ``entries`` centroids, each rounded to an integer of ``-127..127`` over 127.

    Centroids begin as k-means' optimum for weights drawn uniformly from -1..1, and follow the
    running weights: a step of Lloyd's on each batch of training, so they need no gradients.
    """

    centroids: Tensor

    def __init__(self, entries: int):
        super().__init__(BYTE)
        places = (2 * torch.arange(entries) + 1) / entries - 1
        self.register_buffer("centroids", places)

    def integers(self, x: Tensor) -> Tensor:
        scaled = x * BYTE
        if self.training:
            self._follow(x.detach())
        grid = (self.centroids * BYTE).round()
        return straight(scaled, grid[_nearest(scaled.detach(), grid)])

    def _follow(self, x: Tensor) -> None:
        """Centroids stay ascending: means of intervals in order, taken equally far."""
        chosen, k = _nearest(x, self.centroids).flatten(), len(self.centroids)
        counts = torch.bincount(chosen, minlength=k)
        means = torch.bincount(chosen, x.flatten(), minlength=k) / counts.clamp(min=1)
        self.centroids.lerp_(torch.where(counts > 0, means, self.centroids), FOLLOW)


def _nearest(x: Tensor, ascending: Tensor) -> Tensor:
    return torch.bucketize(x, (ascending[1:] + ascending[:-1]) / 2)


class CodebookWeight(GridWeight):
    """At most 4 distinct values ``k/127`` a layer; ``weight_entries=n``: at most n."""

    tensor_quant = CodebookQuant  # pyright: ignore[reportAssignmentType]
    entries = 4
