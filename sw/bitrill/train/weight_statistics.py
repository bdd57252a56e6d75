"""Statistics of a trained network's weights, for ``metrics.json``: sparsity and distinct values."""

from typing import TypedDict

import torch
from torch import nn

from . import brevitas_quantizers
from .recipes import MOST_ENTRIES


class LayerWeights(TypedDict):
    """Statistics of one layer's integer weights.

    ``sparsity``: share of zeros; ``distinct``: number of different integers; ``range``: the least
    and the largest of them; ``values``: these integers, None if there are more of them than a
    codebook and zero can hold.
    """

    name: str
    weights: int
    sparsity: float
    distinct: int
    range: list[int]
    values: list[int] | None


def layers(network: nn.Module) -> list[LayerWeights]:
    """Measure the weights of each quantized layer."""
    statistics: list[LayerWeights] = []
    with torch.no_grad():
        for name, layer in brevitas_quantizers.quantized_layers(network):
            y = layer.quant_weight()
            q = (y.value / y.scale).round().int()
            values = q.unique()
            statistics.append(
                {
                    "name": name,
                    "weights": q.numel(),
                    "sparsity": int((q == 0).sum()) / q.numel(),
                    "distinct": len(values),
                    "range": [int(values[0]), int(values[-1])],
                    "values": values.tolist() if len(values) <= MOST_ENTRIES + 1 else None,
                }
            )
    return statistics
