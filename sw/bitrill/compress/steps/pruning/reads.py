"""The inputs of a layer as the rows of a matrix whose product with the weights is its result."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

ROWS = 5000
"""Most places of images that are looked at."""


def is_plain(module: nn.Module, name: str) -> bool:
    """Whether a layer's results are products of a matrix with its inputs."""
    layer = module.get_submodule(name)
    return isinstance(layer, nn.Linear) or (
        isinstance(layer, nn.Conv1d | nn.Conv2d)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )


def rows_of(batches: Iterable[tuple[Tensor, Tensor]], module: nn.Module, name: str) -> Tensor:
    """Return the inputs of a layer, ``[rows, inputs * places of the kernel]``."""
    layer, read = module.get_submodule(name), []

    def keep(_module: nn.Module, given: tuple[object, ...]) -> None:
        value = getattr(given[0], "value", given[0])
        assert isinstance(value, Tensor)
        read.append(_unfolded(layer, value))

    handle = layer.register_forward_pre_hook(keep)
    try:
        with torch.no_grad():
            for x, _ in batches:
                module(x)
    finally:
        handle.remove()
    rows = torch.cat(read)
    return rows[:: max(1, -(-len(rows) // ROWS))]


def _unfolded(layer: nn.Module, x: Tensor) -> Tensor:
    if isinstance(layer, nn.Linear):
        return x.flatten(0, -2)
    assert isinstance(layer, nn.Conv1d | nn.Conv2d)
    given = [layer.kernel_size, layer.dilation, layer.padding, layer.stride]
    if isinstance(layer, nn.Conv1d):
        x = x.unsqueeze(2)  # one row
        given = [(0 if k == 2 else 1, *each) for k, each in enumerate(given)]
    columns = functional.unfold(x, *given)  # pyright: ignore[reportArgumentType]
    return columns.transpose(1, 2).flatten(0, 1)
