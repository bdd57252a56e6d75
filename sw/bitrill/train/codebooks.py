"""Codebook weights: a layer's weights share a few values (Han et al. 2016, Deep Compression).

k-means chooses the values while the network trains.
"""

import torch
from torch import Tensor

from .grid_weights import BYTE, GridQuant, GridWeight, straight

FOLLOW = 0.05
"""Share of its way to the mean of its weights that a centroid goes on each training batch."""


class CodebookQuant(GridQuant):
    """Rounds to the nearest of ``entries`` centroids, which are integers ``-127..127`` over 127.

    Centroids begin as k-means' optimum for weights drawn uniformly from -1..1. They need no
    gradients: a step of Lloyd's algorithm on each training batch makes them follow the weights.
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
        """Move each centroid towards the mean of its weights.

        Centroids stay ascending: the means are ascending too, and all move by the same share.
        """
        chosen, k = _nearest(x, self.centroids).flatten(), len(self.centroids)
        counts = torch.bincount(chosen, minlength=k)
        means = torch.bincount(chosen, x.flatten(), minlength=k) / counts.clamp(min=1)
        self.centroids.lerp_(torch.where(counts > 0, means, self.centroids), FOLLOW)


def _nearest(x: Tensor, ascending: Tensor) -> Tensor:
    return torch.bucketize(x, (ascending[1:] + ascending[:-1]) / 2)


class CodebookWeight(GridWeight):
    """Weights of at most 4 distinct values ``k/127`` a layer; ``weight_entries=n``: at most n."""

    tensor_quant = CodebookQuant  # pyright: ignore[reportAssignmentType]
    entries = 4
