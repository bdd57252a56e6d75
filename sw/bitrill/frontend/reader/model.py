"""What the parser hands to the importer: plain Python, checked, nothing of ONNX's library left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .names import shown


@dataclass(frozen=True, eq=False)
class Node:
    """One ONNX node. ``attributes`` hold int, float, str, tuples of those, and arrays."""

    index: int
    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def __str__(self) -> str:
        if self.name:
            return f"{shown(self.op)[1:-1]} node {shown(self.name)}"
        gives = shown(self.outputs[0]) if self.outputs else "nothing"
        return f"{shown(self.op)[1:-1]} node {self.index} (gives {gives})"


@dataclass(frozen=True, eq=False)
class Model:
    """A structurally sound ONNX graph: sorted, one writer a tensor, every input defined.

    ``batch`` is the first axis of the input, None when it is free; ``shape`` are the others.
    ``constants``: the initializers, float or int64. ``reasons``: what is refused already, to be
    told together with what the importer finds.
    """

    path: Path
    opset: int
    input: str
    batch: int | None
    shape: tuple[int, ...]
    output: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]
    reasons: tuple[str, ...]
