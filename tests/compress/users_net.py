"""A residual network as somebody else writes it: functions, sums in place, no names of ours."""

from __future__ import annotations

import runpy

import torch
from support import ROOT
from torch import Tensor, nn
from torch.nn import functional

Block = runpy.run_path(str(ROOT / "examples/compress/their_resnet.py"))["Block"]


class Net(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, 1, 1)
        self.blocks = nn.Sequential(Block(width, width), Block(width, 2 * width, 2))
        self.head = nn.Linear(2 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(functional.relu(self.stem(x)))
        return self.head(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))


def make() -> nn.Module:
    return Net()


class Branching(nn.Module):
    """Its way depends on data."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(x, 1)
        if x.sum() > 0:
            x = -x
        return self.layer(x)
