"""A method of `methods`, and functions that make the steps of its recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Steps = Sequence[Mapping[str, Any]]

MODELS: dict[str, dict[str, Any]] = {
    "dense": {"recipe": "mlp", "width": 32},
    "conv": {"recipe": "vgg_small", "width": 4},
    "wide": {"recipe": "mlp", "width": 64},
    "residual": {"recipe": "resnet8", "width": 4},
    "bireal": {"recipe": "bireal", "width": 8},
    "meliusnet": {"recipe": "meliusnet", "width": 8},
    "squeezenet": {"recipe": "squeezenet", "width": 8},
    "mobilenet_v1": {"recipe": "mobilenet_v1", "width": 8},
    "mobilenet_v2": {"recipe": "mobilenet_v2", "width": 8},
    "shufflenet": {"recipe": "shufflenet", "width": 8},
    "shiftnet": {"recipe": "shiftnet", "width": 8},
}


@dataclass(frozen=True)
class Method:
    """A method: ``published`` is the surveys' figure; ``pending`` says why it was not run."""

    name: str
    source: str
    published: str = "-"
    steps: Steps = ()
    base: str = "dense"
    pending: str = ""
    hardware: Mapping[str, Any] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """The name as a folder's name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def model(self) -> dict[str, Any]:
        """The table of the network."""
        return MODELS[self.base]


INT4_ROW = {"weights": "int4", "acts": 4}
"""Quantizers of the layers that a method leaves in floats: the first, the last, 1x1 between."""


def qat(
    weights: str,
    acts: int | str,
    *,
    epochs: int = 15,
    others: Mapping[str, Mapping[str, Any]] | None = None,
    **row: Any,
) -> Steps:
    """Return one step that trains with quantizers; ``others``: rows of layers by pattern."""
    layers = {"*": {"weights": weights, "acts": acts, **row}, **(others or {})}
    return [{"kind": "quantize", "how": "qat", "epochs": epochs, "layers": layers}]


def ptq(
    weights: str = "int8", acts: int | str = 8, *, row: Mapping[str, Any] | None = None, **keys: Any
) -> Steps:
    """Return one step that quantizes without training."""
    layers = {"*": {"weights": weights, "acts": acts, **(row or {})}}
    return [{"kind": "quantize", "how": "ptq", "layers": layers, **keys}]


INT4 = qat("int4", 4, epochs=8)
"""What follows a method that works in floats, so that hardware can be made of its network."""


def pruned(ratio: float, *, epochs: int = 10, **keys: Any) -> Steps:
    """Return steps that prune and quantize to 4 bits."""
    return [{"kind": "prune", "ratio": ratio, "epochs": epochs, **keys}, *INT4]


def shared(**keys: Any) -> Steps:
    """Return steps that share weights, and round them to 8 bits."""
    return [{"kind": "share", "epochs": 8, **keys}, *ptq("int8", 4)]


def factored(how: str, layers: Sequence[str], rank: int, **keys: Any) -> Steps:
    """Return steps that factor layers, and quantize to 4 bits."""
    factor = {"kind": "factor", "how": how, "layers": list(layers), "rank": rank, "epochs": 10}
    return [{**factor, **keys}, *INT4]


def distilled(how: str, weights: str = "binary", acts: int = 2, **keys: Any) -> Steps:
    """Return steps that quantize and learn from the float network."""
    steps = [*qat(weights, acts, epochs=2)]
    return [*steps, {"kind": "distil", "how": how, "teacher": "step 1", "epochs": 15, **keys}]
