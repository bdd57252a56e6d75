"""Layers as chains of smaller ones: singular values, Tucker-2 and its sums, CP, separable kernels.

Each function takes a plain layer and a rank, and returns the layers whose composition is nearest to
it: exactly the layer itself, but for rounding of floats, at full rank. Each factor has an equal
share of the scale, since quantizers are put between them later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorly
import torch
from tensorly.decomposition import parafac, partial_tucker
from torch import Tensor, nn

Layers = list[nn.Module]

CP_SWEEPS = 200
"""Sweeps of alternating least squares at most."""

BTD_SWEEPS = 20
"""Number of times that each block of a block term decomposition is fitted to the residual."""


@dataclass(frozen=True)
class Factoring:
    """A way to factor a layer; ``make(layer, rank)`` returns the layers, ``kinds``: accepted ones.

    ``matrices(layer)``: the unfoldings whose singular values the ``energy`` counts, one for each
    rank; None if there are no such values.
    """

    make: Callable[[Any, tuple[int, ...]], Layers]
    kinds: tuple[type[nn.Module], ...]
    sizes: Callable[[Tensor], tuple[int, ...]]
    matrices: Callable[[Tensor], list[Tensor]] | None


def by_energy(matrix: Tensor, share: float) -> int:
    """Return the least rank that keeps a share of the sum of squared singular values."""
    energies = torch.linalg.svdvals(matrix.double()).square().cumsum(0)
    return 1 + int((energies < share * energies[-1] * (1 - 1e-12)).sum())


def halves(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return ``U sqrt(S)`` and ``sqrt(S) V`` of the largest ``rank`` singular values."""
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    root = s[:rank].sqrt()
    return (u[:, :rank] * root).to(matrix.dtype), (root[:, None] * v[:rank]).to(matrix.dtype)


def svd(layer: nn.Linear | nn.Conv2d, ranks: tuple[int, ...]) -> Layers:
    """Split ``W = U V``: a layer of ``rank`` outputs, and a dense or 1x1 one (Denton et al. 2014).

    A kernel counts as a matrix ``[outputs, inputs * height * width]``.
    """
    (rank,), weight = ranks, layer.weight.detach()
    u, v = halves(weight.flatten(1), rank)
    if isinstance(layer, nn.Linear):
        first = nn.Linear(layer.in_features, rank, bias=False)
        last: nn.Module = nn.Linear(rank, layer.out_features, bias=layer.bias is not None)
        return _filled(layer, (first, v), (last, u))
    first = _conv(layer, layer.in_channels, rank)
    last = nn.Conv2d(rank, layer.out_channels, 1, bias=layer.bias is not None)
    return _filled(layer, (first, v.view(first.weight.shape)), (last, u[:, :, None, None]))


def tucker2(layer: nn.Conv2d, ranks: tuple[int, ...]) -> Layers:
    """Split a kernel into 1x1, a core of the kernel's size, and 1x1 (Kim et al. 2016).

    ``ranks``: output and input channels of the core.
    """
    weight = layer.weight.detach().double().numpy()
    (core, (u, v)), _ = partial_tucker(weight, rank=list(ranks), modes=[0, 1], n_iter_max=100)
    n_out, n_in = ranks
    first = nn.Conv2d(layer.in_channels, n_in, 1, bias=False)
    last = nn.Conv2d(n_out, layer.out_channels, 1, bias=layer.bias is not None)
    return _filled(
        layer,
        (first, torch.from_numpy(v.T.copy())[:, :, None, None]),
        (_conv(layer, n_in, n_out), torch.from_numpy(core)),
        (last, torch.from_numpy(u.copy())[:, :, None, None]),
    )


def btd(layer: nn.Conv2d, ranks: tuple[int, ...]) -> Layers:
    """Split a kernel into a sum of Tucker-2 blocks (Wang and Cheng 2016, block term decomposition).

    ``ranks``: output and input channels of each block's core, and the number of blocks. The blocks
    are built as grouped convolutions: 1x1, a core with a group for each block, and 1x1. Each block
    in turn is fitted to the residual of the others, which never makes the error larger; this may
    end at blocks that are not the best ones.
    """
    weight = layer.weight.detach().double().numpy()
    n_out, n_in, blocks = ranks
    kept: list[Any] = [None] * blocks
    parts = np.zeros((blocks, *weight.shape))
    for sweep in range(BTD_SWEEPS):
        for k in range(blocks):
            rest = weight - parts.sum(0) + parts[k]
            factors, _ = partial_tucker(rest, rank=[n_out, n_in], modes=[0, 1], n_iter_max=20)
            part = np.einsum("oiyx,no,ci->ncyx", factors[0], *factors[1])
            if not sweep or ((rest - part) ** 2).sum() < ((rest - parts[k]) ** 2).sum():
                kept[k], parts[k] = factors, part
    cores = np.concatenate([core for core, _ in kept])
    u, v = (np.concatenate([f[axis] for _, f in kept], axis=1) for axis in (0, 1))
    first = nn.Conv2d(layer.in_channels, blocks * n_in, 1, bias=False)
    last = nn.Conv2d(blocks * n_out, layer.out_channels, 1, bias=layer.bias is not None)
    return _filled(
        layer,
        (first, torch.from_numpy(v.T.copy())[:, :, None, None]),
        (_conv(layer, blocks * n_in, blocks * n_out, blocks), torch.from_numpy(cores)),
        (last, torch.from_numpy(u.copy())[:, :, None, None]),
    )


def cp(layer: nn.Conv2d, ranks: tuple[int, ...]) -> Layers:
    """Split a kernel into 1x1, a column and a row for each channel, and 1x1 (Lebedev et al. 2015).

    ``W[n, c, y, x] = sum over r of N[n, r] C[c, r] Y[y, r] X[x, r]``, by alternating least squares,
    which may stop at a factoring that is not the best one.
    """
    (rank,), weight = ranks, layer.weight.detach().double().numpy()
    scales, factors = parafac(
        weight,
        rank,
        n_iter_max=CP_SWEEPS,
        tol=1e-10,
        init="svd",
        random_state=0,
        normalize_factors=True,
    )
    share = np.abs(scales) ** 0.25
    n, c, y, x = (torch.from_numpy(f * share) for f in factors)
    first = nn.Conv2d(layer.in_channels, rank, 1, bias=False)
    last = nn.Conv2d(rank, layer.out_channels, 1, bias=layer.bias is not None)
    return _filled(
        layer,
        (first, c.T[:, :, None, None]),
        (_line(layer, rank, rank, 0, rank), y.T[:, None, :, None]),
        (_line(layer, rank, rank, 1, rank), x.T[:, None, None, :]),
        (last, n[:, :, None, None]),
    )


def separable(layer: nn.Conv2d, ranks: tuple[int, ...]) -> Layers:
    """Split ``k x k`` into ``k x 1`` and ``1 x k``, ``rank`` maps between (Jaderberg et al. 2014).

    ``W[n, c, y, x] = sum over r of V[r, c, y] H[n, r, x]``: their second scheme, solved by singular
    values.
    """
    (rank,), weight = ranks, layer.weight.detach()
    n, c, height, width = weight.shape
    v, h = halves(_columns(weight), rank)
    first, last = _line(layer, c, rank, 0), _line(layer, rank, n, 1, bias=layer.bias is not None)
    rows = h.view(rank, n, width).transpose(0, 1)[:, :, None]
    return _filled(layer, (first, v.T.reshape(rank, c, height)[..., None]), (last, rows))


def _columns(weight: Tensor) -> Tensor:
    """Unfold a kernel to ``[inputs * height, outputs * width]``."""
    n, c, height, width = weight.shape
    return weight.permute(1, 2, 0, 3).reshape(c * height, n * width)


def _conv(layer: nn.Conv2d, n_in: int, n_out: int, groups: int = 1) -> nn.Conv2d:
    """Return a convolution without bias that moves as another does."""
    shape = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, groups)
    mode = layer.padding_mode
    return nn.Conv2d(n_in, n_out, *shape, bias=False, padding_mode=mode)  # pyright: ignore[reportArgumentType]


def _line(
    layer: nn.Conv2d, n_in: int, n_out: int, axis: int, groups: int = 1, *, bias: bool = False
) -> nn.Conv2d:
    """Return a convolution along one axis (0: down) that moves as another does along it."""

    def along(values: Any, rest: int) -> tuple[int, int]:
        return (values[0], rest) if axis == 0 else (rest, values[1])

    shape = along(layer.kernel_size, 1), along(layer.stride, 1), along(layer.padding, 0)
    rest = along(layer.dilation, 1), groups, bias, layer.padding_mode
    return nn.Conv2d(n_in, n_out, *shape, *rest)


def _filled(layer: nn.Linear | nn.Conv2d, *factors: tuple[Any, Tensor]) -> Layers:
    """Set the weights of layers, and the bias of the last one to that of the layer they replace."""
    with torch.no_grad():
        for factor, weight in factors:
            factor.weight.copy_(weight)
        if layer.bias is not None:
            factors[-1][0].bias.copy_(layer.bias)
    return [factor.train(layer.training) for factor, _ in factors]


def _of_matrix(weight: Tensor) -> tuple[int, ...]:
    return (min(weight.flatten(1).shape),)


def _of_cp(weight: Tensor) -> tuple[int, ...]:
    """Return the rank that every tensor of a shape has at most: all sizes but the largest."""
    return (weight.numel() // max(weight.shape),)


FACTORINGS: Mapping[str, Factoring] = {
    "svd": Factoring(svd, (nn.Linear, nn.Conv2d), _of_matrix, lambda w: [w.flatten(1)]),
    "tucker2": Factoring(
        tucker2,
        (nn.Conv2d,),
        lambda w: (w.shape[0], w.shape[1]),
        lambda w: [w.flatten(1), w.transpose(0, 1).flatten(1)],
    ),
    "btd": Factoring(btd, (nn.Conv2d,), lambda w: (w.shape[0], w.shape[1]), None),
    "cp": Factoring(cp, (nn.Conv2d,), _of_cp, None),
    "separable": Factoring(
        separable, (nn.Conv2d,), lambda w: (min(_columns(w).shape),), lambda w: [_columns(w)]
    ),
}
"""Ways to factor by name; ``sizes``: the largest rank of each factor of a weight."""

tensorly.set_backend("numpy")
