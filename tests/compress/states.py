"""States of small networks on numbers at random, for tests of single steps."""

from __future__ import annotations

from pathlib import Path

import torch
from bitrill.compress import recipe as recipes
from bitrill.compress.module_training import Training
from bitrill.compress.sources import DataSplits
from bitrill.compress.state import CompressionStep, State
from torch import nn


def plain() -> nn.Sequential:
    """Return two convolutions with batch norms, and a dense layer."""
    torch.manual_seed(2)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 16, 10),
    )
    for norm in (net[1], net[4]):
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.uniform_(norm.bias, -1, 1)
        nn.init.uniform_(norm.running_mean, -1, 1)
    return net


def with_norms(net: nn.Module) -> nn.Module:
    """Give a network's batch norms statistics and factors of their own."""
    torch.manual_seed(4)
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            for t in (m.weight, m.bias, m.running_mean):
                nn.init.uniform_(t, -1, 1)
    return net.eval()


def state_of(module: nn.Module, shape: tuple[int, ...] = (1, 8, 8), n: int = 40) -> State:
    """Return a state of a module on n inputs of 10 classes."""
    draw = torch.Generator().manual_seed(5)
    x, y = torch.randn(n, *shape, generator=draw), torch.arange(n) % 10
    data = DataSplits(x, y, x[:20], y[:20], x[:20], y[:20])

    def no_teacher(reference: str) -> nn.Module:
        raise AssertionError(reference)

    return State(module.eval(), data, Path(), no_teacher)


def step_of(kind: str, **keys: object) -> CompressionStep:
    """Return a step of its keys, with no training unless they ask for it."""
    return recipes.make_step({"kind": kind, "epochs": 0, **keys}, Training(batch=20), "step 1")


def applied(kind: str, state: State, **keys: object) -> dict[str, object]:
    """Take a step; returns its choices."""
    step = step_of(kind, **keys)
    choices = step.choose(state)
    state.module = step.reshape(state.module, choices, state.example)
    state.follow()
    step.tune(state, choices)
    return choices
