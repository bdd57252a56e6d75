"""Weight quantizers on a grid: values, gradients, and the range that they keep."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bitrill.train.adder import STEP, L1Conv, L1MatMul
from bitrill.train.grid_weights import (
    BYTE,
    CodebookQuant,
    FgqQuant,
    PotQuant,
    TtqQuant,
    clamp_scales,
)
from bitrill.train.logquant import LogActivation


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator) * 2 - 1


@pytest.mark.parametrize("terms", [1, 2, 3])
def test_the_nearest_sum_of_powers_is_taken(terms: int):
    quantizer = PotQuant(terms)
    x = torch.cat([torch.tensor([-1.0, 0.0, 1.0]), drawn(200)]).requires_grad_()
    y, scale, zero, bits = quantizer(x)
    top = 4 * terms
    grid = quantizer.values * scale
    assert torch.equal(
        (y.detach() - x.detach()).abs(), (grid - x.detach()[:, None]).abs().min(1)[0]
    )
    assert (float(scale), float(zero)) == (float(torch.tensor(1 / top)), 0)
    assert 1 << (int(bits) - 1) > top
    y.sum().backward()
    assert torch.equal(x.grad, torch.full_like(x, top) * scale)


def test_ttq_has_two_scales_and_the_published_gradients():
    quantizer = TtqQuant()
    with torch.no_grad():
        quantizer.positive.fill_(100.4 / BYTE)
        quantizer.negative.fill_(20 / BYTE)
    x = torch.tensor([-1.0, -0.6, -0.4, 0.0, 0.5, 0.51, 1.0], requires_grad=True)
    y, scale, _, bits = quantizer(x)
    assert (y / scale).round().tolist() == [-20, -20, 0, 0, 0, 100, 100]
    assert int(bits) == 8
    g = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    y.backward(g)
    unit = scale * BYTE
    assert torch.equal(quantizer.positive.grad, 96 * unit)
    assert torch.equal(quantizer.negative.grad, -3 * unit)
    gains = torch.tensor([20.0, 20, BYTE, BYTE, BYTE, 100, 100])
    assert torch.equal(x.grad, g * scale * gains)


def test_fgq_has_a_scale_for_each_group_of_inputs():
    weight = drawn(3, 20)
    quantizer = FgqQuant([weight], 16)
    assert quantizer.scales.shape == (3, 2)
    with torch.no_grad():
        quantizer.scales.copy_(torch.tensor([[1, 2], [3, 4], [5, 127]]) / BYTE)
    x = torch.ones(3, 20)
    integers = quantizer.integers(x)
    assert [row.unique().tolist() for row in integers[:, :16]] == [[1], [3], [5]]
    assert [row.unique().tolist() for row in integers[:, 16:]] == [[2], [4], [127]]
    kernels = FgqQuant([drawn(2, 3, 3, 3)], 16)
    assert kernels.scales.shape == (2, 2)
    assert kernels.integers(torch.ones(2, 3, 3, 3)).shape == (2, 3, 3, 3)


def test_trained_scales_stay_in_range():
    parts = torch.nn.Sequential(TtqQuant(), FgqQuant([drawn(2, 4)], 2))
    with torch.no_grad():
        for i, p in enumerate(parts.parameters()):
            p.fill_(-3.0 if i % 2 else 3.0)
    clamp_scales(parts)
    ends = {float(v) for p in parts.parameters() for v in p.detach().flatten()}
    assert ends == {1.0, float(torch.tensor(1 / BYTE))}
    assert all((part.integers(torch.ones(2, 4)) >= 1).all() for part in parts)  # pyright: ignore


def test_centroids_begin_and_follow_as_k_means_does():
    quantizer = CodebookQuant(4)
    assert quantizer.centroids.tolist() == [-0.75, -0.25, 0.25, 0.75]
    weights = torch.tensor([-0.9, -0.8, -0.1, 0.0, 0.3, 0.35, 0.2, 0.9])
    for _ in range(400):
        quantizer.integers(weights)
    want = torch.tensor([-0.85, -0.05, 0.85 / 3, 0.9])
    grid = (want * BYTE).round().tolist()
    assert (quantizer.centroids * BYTE).round().tolist() == grid
    before = quantizer.centroids.clone()
    quantizer.eval().integers(drawn(50))
    assert torch.equal(before, quantizer.centroids)
    assert set(quantizer.integers(drawn(50)).tolist()) <= set(grid)


def test_an_empty_cluster_stays():
    quantizer = CodebookQuant(2)
    for _ in range(50):
        quantizer.integers(torch.full((3,), 0.9))
    assert float(quantizer.centroids[0]) == -0.5
    assert float(quantizer.centroids[1]) > 0.8


def test_l1_distances_and_their_gradients():
    x, w = drawn(5, 7).requires_grad_(), (2 * drawn(3, 7, seed=1)).requires_grad_()
    eighths = [(v.detach() * 8).round() / 8 for v in (x, w)]  # sums are exact in any order
    y = L1MatMul.apply(*eighths)
    assert torch.equal(y, -(eighths[0][:, None] - eighths[1]).abs().sum(2))  # pyright: ignore
    g = drawn(5, 3, seed=2)
    L1MatMul.apply(x, w).backward(g)  # pyright: ignore
    apart = x.detach()[:, None] - w.detach()
    full = torch.einsum("nr,nrj->rj", g.double(), apart.double())
    # only the direction is the published one; its length is set
    assert float(w.grad.norm()) > 0
    cosine = torch.nn.functional.cosine_similarity(w.grad.double().flatten(), full.flatten(), dim=0)
    assert float(cosine) > 0.999999
    assert abs(float(w.grad.norm()) - STEP * 21**0.5) < 1e-5
    clipped = torch.einsum("nr,nrj->nj", g, (-apart).clamp(-1, 1))
    assert torch.equal(x.grad, clipped)
    assert (apart.abs() > 1).any()


def test_logarithmic_activations_take_the_nearest_power():
    act = LogActivation(3)
    s = float(act.scale)
    assert s * 64 == 2
    k = torch.arange(7)
    x = torch.cat([s * 2.0**k * 0.708, s * 2.0**k * 0.706])  # about 2 ** -1/2
    below = [0.0, *(s * 2.0 ** k[:-1]).tolist()]
    assert act(x).tolist() == [*(s * 2.0**k).tolist(), *below]
    assert act(torch.tensor([-5.0, 0.0, 1e9])).tolist() == [0, 0, 2]
    x = torch.tensor([-0.1, 0.0, 0.3, 2.0, 2.1], requires_grad=True)
    act(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


def test_windows_of_distances_are_the_dense_layer_at_each_place():
    """One window: the whole image; several: each place, and gradients add up where they overlap."""
    x = drawn(4, 2 * 3 * 3).reshape(4, 2, 3, 3).requires_grad_()
    w = drawn(5, 2 * 3 * 3, seed=1).reshape(5, 2, 3, 3).requires_grad_()
    y: Any = L1Conv.apply(x, w)
    flat: Any = L1MatMul.apply(x.detach().flatten(1), w.detach().flatten(1))
    assert torch.equal(y[:, :, 0, 0], flat)
    small = w.detach()[:, :, :2, :1].clone().requires_grad_()
    y = L1Conv.apply(x, small)
    assert y.shape == (4, 5, 2, 3)
    for i in range(2):
        for j in range(3):
            part = x.detach()[:, :, i : i + 2, j : j + 1].flatten(1)
            assert torch.allclose(y[:, :, i, j], L1MatMul.apply(part, small.detach().flatten(1)))  # pyright: ignore
    y.sum().backward()
    apart = [small.detach()[:, :, d, 0][:, None] - x.detach()[:, :, 1, 1] for d in (0, 1)]
    wanted = sum(a.clamp(-1, 1).sum(0) for a in apart)
    assert torch.allclose(x.grad[:, :, 1, 1], wanted, atol=1e-5)  # pyright: ignore
    assert abs(float(small.grad.norm()) - STEP * small.numel() ** 0.5) < 1e-5
