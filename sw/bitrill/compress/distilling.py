"""Losses that compare a network with its teachers, and the results of their layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import exp, factorial

import torch
from torch import Tensor, nn
from torch.nn import functional


def soft_loss(outputs: Tensor, teachers: Sequence[Tensor], temperature: float) -> Tensor:
    """Return ``T^2 KL(p, softmax(outputs / T))``; p: the mean ``softmax(teacher / T)``.

    Hinton et al. 2015. Outputs: ``[N, classes]``; the divergence is the mean over N.
    """
    p = torch.stack([(t / temperature).softmax(1) for t in teachers]).mean(0)
    q = (outputs / temperature).log_softmax(1)
    return temperature**2 * functional.kl_div(q, p, reduction="batchmean")


def hint_loss(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return the mean squared difference over the teacher's mean square (Romero et al. 2015)."""
    return (ours - theirs).square().mean() / theirs.square().mean().clamp(min=1e-12)


def attention_loss(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return the mean squared distance of attention maps (Zagoruyko and Komodakis 2017).

    A map is the sum of squares over the channels of ``[N, C, H, W]``, flat, of length 1.
    """
    maps = [functional.normalize(a.square().sum(1).flatten(1)) for a in (ours, theirs)]
    return (maps[0] - maps[1]).square().sum(1).mean()


GAMMA, ORDER = 0.4, 2
"""Peng's kernel ``exp(-GAMMA |a - b|^2)``, and the order to which its series is taken."""


def correlation_loss(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return the mean squared difference of similarities in a batch (Peng et al. 2019).

    The similarity of two inputs is a Gaussian kernel of their features, flat and of length 1, as a
    series: ``sum over p of exp(-2 g) (2 g)^p / p! (a b)^p``.
    """
    tables: list[Tensor] = []
    for features in (ours, theirs):
        rows = functional.normalize(features.flatten(1))
        products = rows @ rows.T
        terms = [(2 * GAMMA * products) ** p / factorial(p) for p in range(ORDER + 1)]
        tables.append(exp(-2 * GAMMA) * torch.stack(terms).sum(0))
    return (tables[0] - tables[1]).square().mean()


@contextmanager
def tapped(module: nn.Module, names: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """Yield a dictionary in which each forward pass records the results of the named layers."""
    seen: dict[str, Tensor] = {}

    def note(name: str, y: object) -> None:
        seen[name] = getattr(y, "value", y)  # pyright: ignore[reportArgumentType]

    hooks = [
        module.get_submodule(name).register_forward_hook(lambda _m, _x, y, name=name: note(name, y))
        for name in names
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def results(module: nn.Module, names: Iterable[str], x: Tensor) -> dict[str, Tensor]:
    """Return the results of those of the named layers that are called for x, in evaluation mode."""
    was = module.training
    try:
        with torch.no_grad(), tapped(module.eval(), names) as seen:
            module(x)
    finally:
        module.train(was)
    return seen
