"""A parsed model for the importer: plain Python objects, already checked, not ONNX's protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from .input_grid import InputGrid
from .names import shown

Attribute: TypeAlias = (
    int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | np.ndarray | None
)
"""Value of an ONNX attribute; None for kinds that no accepted operator uses, such as graphs."""


@dataclass(frozen=True, eq=False)
class Node:
    """One ONNX node."""

    index: int
    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    def __str__(self) -> str:
        if self.name:
            return f"{shown(self.op)[1:-1]} node {shown(self.name)}"
        gives = shown(self.outputs[0]) if self.outputs else "nothing"
        return f"{shown(self.op)[1:-1]} node {self.index} (gives {gives})"


@dataclass(frozen=True)
class Declared:
    """The model's declaration of an output, or of an intermediate tensor.

    ``dtype``: its element type as in numpy, empty if it is not declared. ``shape``: its sizes,
    batch first, None for those that are left open; None if no shape is declared.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        sizes = "" if self.shape is None else [s or "free" for s in self.shape]
        return f"{self.dtype or 'of no type'} {sizes}".strip()


@dataclass(frozen=True, eq=False)
class Model:
    """A valid ONNX graph: sorted, with one writer for each tensor and every input defined.

    ``batch``: the first axis of the input, None if it is left open. ``shape``: the other axes.
    ``grid``: the integers that the file states for its input, None if it states none.
    ``constants``: the initializers, float or int64. ``declared``: intermediate tensors with a
    declared shape. ``reasons``: reasons for a refusal found by the reader; the importer adds its
    own before it raises.
    """

    path: Path
    opset: int
    input: str
    batch: int | None
    shape: tuple[int, ...]
    grid: InputGrid | None
    outputs: tuple[Declared, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]
    declared: Mapping[str, Declared]
    reasons: tuple[str, ...]
