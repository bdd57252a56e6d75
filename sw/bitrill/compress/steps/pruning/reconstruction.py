"""Reconstruction: fits a layer that loses inputs to its former results, by least squares.

The targets are the layer's results in the network before pruning; its inputs are those of the
network as pruned so far (He et al. 2017). Rows of ``x`` are places of images, columns are inputs
(all places of a channel's kernel together).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from sklearn.linear_model import lars_path_gram
from torch import Tensor, nn

from ...state import weight_of
from . import dependencies
from .criteria import Context
from .reads import is_plain, rows_of
from .selection import Ratios, Selection

RIDGE = 1e-4
"""Strength of the regularization that keeps weights near their values, per mean square input."""


def reconstructed(
    context: Context, selection: Selection, ratios: Ratios, how: str
) -> dict[str, list[int]]:
    """Return the channels to prune, and fit the layers that read the others.

    If a single layer computes and a single one reads the channels, ``thinet`` or ``lasso`` choose
    them; elsewhere the criterion does. In the network, channels that are pruned read as zero.
    """
    groups = {g.root: g for g in context.dependencies.groups() if g.root in ratios}
    removed = selection.channels(context, ratios)
    before = copy.deepcopy(context.module).eval()
    for root, index in removed.items():
        readers = [m for m in groups[root].inputs if is_plain(context.module, m.layer)]
        if how != "criterion" and len(readers) == len(groups[root].members) - 1 == 1:
            removed[root] = _chosen(context, before, readers[0], len(index), how)
        for reader in readers:
            gone = set(removed[root])
            lost = [
                k for k, channel in zip(reader.index, reader.root, strict=True) if channel in gone
            ]
            _fit(context, before, reader.layer, lost)
    return removed


def _chosen(
    context: Context, before: nn.Module, reader: dependencies.Member, count: int, how: str
) -> list[int]:
    """Return the ``count`` channels to prune whose removal hurts one reader least."""
    x = rows_of(context.batches(), context.module, reader.layer)
    weight = weight_of(context.module, reader.layer).detach()
    inputs, size = weight.shape[1], weight[0, 0].numel()
    parts = torch.stack(
        [
            x[:, k * size : (k + 1) * size] @ weight[:, k].reshape(len(weight), -1).T
            for k in range(inputs)
        ]
    )  # [inputs, rows, outputs]
    root = torch.tensor([c for _, c in sorted(zip(reader.index, reader.root, strict=True))])
    total = torch.zeros(int(root.max()) + 1, *parts.shape[1:]).index_add_(0, root, parts)
    flat = total.flatten(1).double()
    gram = flat @ flat.T
    if how == "thinet":
        return thinet(gram, count)
    target = (
        rows_of(context.batches(), before, reader.layer)
        @ weight_of(before, reader.layer).detach().flatten(1).T
    )
    return lasso(gram, flat @ target.flatten().double(), count)


def thinet(gram: Tensor, count: int) -> list[int]:
    """Return ``count`` channels whose sum is least, chosen greedily (Luo et al. 2017).

    ``gram[c, d]``: scalar product of the contributions of channels c and d, over rows and outputs.
    """
    removed: list[int] = []
    for _ in range(count):
        cost = gram.diagonal() + 2 * gram[:, removed].sum(1)
        cost[removed] = torch.inf
        removed.append(int(cost.argmin()))
    return sorted(removed)


def lasso(gram: Tensor, moments: Tensor, count: int) -> list[int]:
    """Return the ``count`` channels that LASSO's path adds last, or never (He et al. 2017).

    ``moments[c]``: scalar product of channel c's contribution with the former results.
    """
    _, _, path = lars_path_gram(moments.numpy(), gram.numpy(), n_samples=1, method="lasso")
    kept = len(gram) - count
    step = max(k for k in range(path.shape[1]) if (path[:, k] != 0).sum() <= kept)
    size = torch.from_numpy(abs(path[:, step]))
    # channels of equal factor, zero above all: the one that gives more stays
    order = sorted(range(len(gram)), key=lambda c: (float(size[c]), float(gram[c, c])))
    return sorted(order[:count])


def _fit(context: Context, before: nn.Module, name: str, lost: Sequence[int]) -> None:
    """Set a layer's weights to those of the least error without some of its inputs."""
    weight = weight_of(context.module, name)
    size = weight[0, 0].numel()
    kept = torch.ones(weight.shape[1], dtype=torch.bool)
    kept[list(lost)] = False
    columns = kept.repeat_interleave(size)
    x = rows_of(context.batches(), context.module, name)[:, columns]
    y = rows_of(context.batches(), before, name) @ weight_of(before, name).detach().flatten(1).T
    flat = torch.zeros_like(weight).flatten(1)
    flat[:, columns] = least_squares(x, y, weight.detach().flatten(1)[:, columns].T).T
    with torch.no_grad():
        weight.copy_(flat.view(weight.shape))


def least_squares(x: Tensor, y: Tensor, start: Tensor) -> Tensor:
    """Return the ``w`` that makes ``|x w - y|^2 + r |w - start|^2`` least.

    ``r`` is a small share (`RIDGE`) of the mean square of a column of ``x``. Without it, columns
    that hardly differ get huge weights of opposite signs, which no few bits can hold.
    """
    x, y, start = x.double(), y.double(), start.double()
    gram = x.T @ x
    ridge = RIDGE * gram.diagonal().mean().clamp(min=torch.finfo(gram.dtype).tiny)
    gram.diagonal().add_(ridge)
    return (start + torch.linalg.solve(gram, x.T @ (y - x @ start))).float()
