"""The methods of `methods`: for each the steps of its recipe, its source, its published figure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Steps = Sequence[Mapping[str, Any]]

MODELS: dict[str, dict[str, Any]] = {
    "dense": {"recipe": "mlp", "width": 32},
    "conv": {"recipe": "vgg_small", "width": 4},
    "residual": {"recipe": "resnet8", "width": 4},
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


def qat(weights: str, acts: int | str, *, epochs: int = 15, **row: Any) -> Steps:
    """Return one step that trains with quantizers."""
    layers = {"*": {"weights": weights, "acts": acts, **row}}
    return [{"kind": "quantize", "how": "qat", "epochs": epochs, "layers": layers}]


def ptq(
    weights: str = "int8", acts: int | str = 8, *, row: Mapping[str, Any] | None = None, **keys: Any
) -> Steps:
    """Return one step that quantizes without training."""
    layers = {"*": {"weights": weights, "acts": acts, **(row or {})}}
    return [{"kind": "quantize", "how": "ptq", "layers": layers, **keys}]


METHODS: tuple[Method, ...] = (
    Method("BWN", "Rastegari 2016", "R18 9.5 t1", qat("binary", 8, scale="channel")),
    Method("TWN", "Li 2016", "R18 3.6 t1", qat("ternary", 8)),
    Method("TTQ", "Zhu 2017", "AlexNet gain 0.3 t1", qat("ttq", 8)),
    Method("FGQ", "Mellempudi 2017", "R50 71.1 of 75 %", qat("fgq", 8)),
    Method("PTQ max-abs", "MKL-DNN", "about 1 % with power-of-two scales", ptq()),
)
