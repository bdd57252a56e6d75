"""Units of weights that are pruned together: elements, rows of kernels, kernels, groups, filters.

Weights are ``[out, in, kh, kw]``, or ``[out, in]``, which counts as kernels of 1x1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from ....errors import SpecError

SHAPES = ("element", "vector", "kernel", "group", "filter", "channel")


@dataclass(frozen=True)
class Units:
    """Units of one layer; ``index``: the unit of each element, in the shape of the weight."""

    index: Tensor
    count: int

    def means(self, elements: Tensor) -> Tensor:
        """Return the mean over each unit's elements, ``[count]``."""
        return self._sums(elements) / self.sizes.to(elements.device)

    @property
    def sizes(self) -> Tensor:
        """Number of elements of each unit, ``[count]``."""
        return self._sums(torch.ones(self.index.shape))

    def mask(self, kept: Tensor) -> Tensor:
        """Return the mask of the weight that keeps some of the units, ``[count]`` of bool."""
        return kept[self.index]

    def _sums(self, elements: Tensor) -> Tensor:
        index = self.index.flatten().to(elements.device)
        return elements.new_zeros(self.count).index_add_(0, index, elements.flatten())


def units_of(layer: nn.Module, shape: str, group: int) -> Units:
    """Return the units of a layer's weight; ``group``: inputs of a unit of shape ``group``."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    places = torch.arange(weight.numel()).view(weight.shape)
    axis = filter_axis(layer)
    if shape in ("filter", "channel"):
        index = torch.arange(weight.shape[axis])
        index = index.view(-1, *(1,) * (weight.ndim - 1)).transpose(0, axis).expand(weight.shape)
    elif shape == "group":
        index = _by_inputs(places, 1 - axis, group)
    else:
        size = {"element": 1, "vector": weight.shape[3:].numel(), "kernel": weight[0, 0].numel()}
        index = places // size[shape]
    return Units(index.contiguous(), int(index.max()) + 1)


def filter_axis(layer: nn.Module) -> int:
    """Return the axis of a weight that counts outputs."""
    return 1 if isinstance(layer, _ConvTransposeNd) else 0


def _by_inputs(places: Tensor, axis: int, size: int) -> Tensor:
    """Return units of consecutive inputs at one output and place; the last may be smaller."""
    rows = torch.arange(places.movedim(axis, -1)[..., 0].numel())
    n = places.shape[axis]
    blocks = -(-n // size)
    index = rows[:, None] * blocks + torch.arange(n) // size
    return index.view(places.movedim(axis, -1).shape).movedim(-1, axis)


def n_of_m(shape: str) -> tuple[int, int] | None:
    """Return ``(2, 4)`` for ``"2:4"``, None for other words; raises `SpecError`."""
    parts = re.fullmatch(r"(\d+):(\d+)", shape)
    if parts is None:
        return None
    n, m = int(parts[1]), int(parts[2])
    if not 1 <= n < m:
        raise SpecError(f"shape N:M must have N from 1 to M - 1, not {shape!r}")
    return n, m


def n_of_m_mask(scores: Tensor, n: int, m: int, axis: int = 1) -> Tensor:
    """Return the mask that keeps the best n of each m consecutive inputs at one output and place.

    Where the inputs are no multiple of m, the last block is smaller, and keeps n too, or all.
    """
    rows = scores.movedim(axis, -1)
    padded = nn.functional.pad(rows, (0, -rows.shape[-1] % m), value=-torch.inf)
    blocks = padded.unflatten(-1, (-1, m))
    order = torch.sort(blocks, dim=-1, descending=True, stable=True).indices
    mask = torch.zeros(blocks.shape, dtype=torch.bool).scatter_(-1, order[..., :n], True)
    return mask.flatten(-2)[..., : rows.shape[-1]].movedim(-1, axis)


def kept_by_layer(scores: Tensor, ratio: float) -> Tensor:
    """Return which units stay when a share of them is pruned, lowest scores first, ``[count]``."""
    order = scores.sort(stable=True).indices
    kept = torch.ones(len(scores), dtype=torch.bool)
    kept[order[: round(ratio * len(scores))]] = False
    return kept


def kept_by_network(
    scores: Mapping[str, Tensor], sizes: Mapping[str, Tensor], ratio: float
) -> dict[str, Tensor]:
    """Return which units stay when a share of all weights is pruned; each layer keeps one unit."""
    every = torch.cat(
        [scores[name].index_fill(0, scores[name].argmax(), torch.inf) for name in scores]
    )
    order = every.sort(stable=True).indices
    weight = torch.cat([sizes[name] for name in scores])[order].double().cumsum(0)
    kept = torch.ones(len(every), dtype=torch.bool)
    kept[order[(weight <= ratio * float(weight[-1]) + 1e-6) & every[order].isfinite()]] = False
    return dict(zip(scores, kept.split([len(s) for s in scores.values()]), strict=True))
