"""A dense network on digits that trains in a tenth of a second, and steps over it."""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path

import torch
from bitrill.compress.module_training import Training
from bitrill.compress.quantizers.insertion import quantized
from bitrill.compress.quantizers.quantizer_table import PatternSettings, QuantizerTable
from bitrill.compress.sources import DataSource, DataSplits
from bitrill.compress.state import State
from bitrill.compress.steps.calibration import calibrate
from torch import nn


@lru_cache
def digits() -> DataSplits:
    return DataSource(name="digits").load(Path())


def training(epochs: int) -> Training:
    return Training(epochs=epochs, learning_rate=0.01)


def state(module: nn.Module) -> State:
    return State(module, digits(), Path(), lambda name: nn.Module())


@lru_cache
def _trained() -> nn.Module:
    torch.manual_seed(1)
    net = state(
        nn.Sequential(
            nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10)
        )
    )
    net.fit(training(8))
    return net.module


def trained() -> nn.Module:
    """Return a float network, right on 19 of 20 digits."""
    return copy.deepcopy(_trained())


def with_quantizers(row: PatternSettings, epochs: int = 0) -> State:
    """Return that network with quantizers of all layers, calibrated and trained."""
    torch.manual_seed(2)
    net = state(quantized(trained(), QuantizerTable({"*": row})))
    calibrate(net, 200)
    if epochs:
        net.fit(training(epochs))
    return net
