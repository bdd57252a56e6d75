"""Evaluates networks: their decisions, and the noisy images of segmentation recipes."""

import torch
from torch import Tensor, nn

NOISE = 0.2
"""Standard deviation of the noise on images to segment, whose pixels are 0..1."""


def noisy(x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Return images with noise (normal, `NOISE`, clipped to 0..1), and their ink: above 1/2."""
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    return (x + NOISE * noise).clamp(0, 1), (x > 0.5).long()


def decisions(module: nn.Module, x: Tensor, batch: int = 1000) -> Tensor:
    """Return the index of each sample's largest output, the lowest among equal ones.

    For a network whose output is an image: 1 where a pixel is above 0, else 0.
    """

    def decide(y: Tensor) -> Tensor:
        return y.argmax(1) if y.ndim == 2 else (y > 0).long()

    was_training = module.training
    module.eval()
    with torch.no_grad():
        out = torch.cat([decide(module(part)) for part in x.split(batch)])
    module.train(was_training)
    return out


def share_right(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """Return the share of decisions that are right, 0..1."""
    right = decisions(module, x) == labels
    return int(right.sum()) / right.numel()
