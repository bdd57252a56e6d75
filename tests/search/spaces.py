"""Spaces of the tests: a small dense network on a few digits, and a model's hardware alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from frontend.onnx_models import Net, save

RECIPE: dict[str, Any] = {
    "data": {"name": "digits", "limit": 200, "validation": 0.3},
    "model": {"recipe": "mlp", "width": 8},
    "hardware": {"fps": 200_000},
    "training": {"epochs": 2, "batch": 20, "learning_rate": 0.01},
    "step": [
        {"kind": "train"},
        {"kind": "quantize", "epochs": 1, "layers": {"*": {"weights": "int4", "acts": 4}}},
    ],
}

BITS = "step.2.layers.*.weights"


def space(**changes: Any) -> dict[str, Any]:
    """Tables of a space over the recipe; ``changes``: tables in place of others."""
    tables = {
        "recipe": copy.deepcopy(RECIPE),
        "search": {"sampler": "random", "trials": 4, "group": 4},
        "space": {BITS: ["int2", "int3", "int4"], "step.2.layers.*.acts": {"low": 2, "high": 4}},
    }
    return {**tables, **changes}


def model(folder: Path) -> Path:
    """A quantized model of two layers, whose hardware is predicted in a tenth of a second."""
    net = Net("m", 16, opset=15)
    x = net.dense(net.quant("x", 0.25), 16, 12, scale=0.25, seed=1)
    x = net.dense(net.quant(net.norm(x, 12), 0.25), 12, 4, scale=0.25, seed=2)
    return save(net.proto(x), folder)


def hardware(path: Path, trials: int) -> dict[str, Any]:
    """Tables of a space over a model's hardware: nothing is trained."""
    return {
        "model": str(path),
        "hardware": {"fps": 1e6},
        "search": {"sampler": "random", "objectives": ["lcs", "fps"], "trials": trials},
        "space": {
            "hardware.fps": {"low": 2e5, "high": 2e7, "log": True},
            "hardware.clock_mhz": [50, 100, 200],
        },
    }
