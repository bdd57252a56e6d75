"""What the weights of a trained network are, for ``metrics.json``."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from . import quantizers
from .recipes import MOST_ENTRIES


def layers(network: nn.Module) -> list[dict[str, Any]]:
    """Of each layer: the number of weights, the share of zeros, distinct integers and their range.

    ``values``: the integers themselves, of a codebook's size and a zero at most; else None.
    """
    found: list[dict[str, Any]] = []
    with torch.no_grad():
        for name, layer in quantizers.quantized_layers(network):
            y = layer.quant_weight()
            q = (y.value / y.scale).round().int()
            values = q.unique()
            found.append(
                {
                    "name": name,
                    "weights": q.numel(),
                    "sparsity": int((q == 0).sum()) / q.numel(),
                    "distinct": len(values),
                    "range": [int(values[0]), int(values[-1])],
                    "values": values.tolist() if len(values) <= MOST_ENTRIES + 1 else None,
                }
            )
    return found
