"""Teachers that are files: a model that hardware could be made of, or a module that torch saved."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import SpecError, StorageError
from ..ir import Graph
from . import sources

ENDINGS = (".onnx", ".pt")


class GoldenTeacher(nn.Module):
    """Answers of a quantized ONNX model, computed by Bitrill's golden model; without gradients.

    Inputs ``[N, *shape]`` in floats, outputs ``[N, classes]`` in floats: integers times the scale.
    """

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph

    def forward(self, x: Tensor) -> Tensor:
        y = self.graph.sink.dequantize(self.graph.run_floats(x.detach().cpu().numpy()))
        return torch.from_numpy(y).flatten(1).to(x)


def teacher(reference: str, folder: Path) -> nn.Module:
    """Return the network of a file (``.onnx``, ``.pt``), or that of a function, to learn from."""
    path = folder / reference
    if path.suffix not in ENDINGS:
        return sources.made_by(reference, folder)
    if not path.is_file():
        raise StorageError(f"cannot read {path}: there is no such file")
    return _golden(path) if path.suffix == ".onnx" else _saved(path)


def _golden(path: Path) -> nn.Module:
    from ..frontend import load_model

    graph = load_model(path)
    if not graph.sink.scale:
        raise SpecError(f"the teacher {path.name} must give scores of classes, not decisions")
    return GoldenTeacher(graph)


def _saved(path: Path) -> nn.Module:
    """Read a module that ``torch.save`` wrote, which runs the file's own code."""
    try:
        module = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:  # what a pickle raises is its own affair
        raise SpecError(
            f"the teacher {path.name} must be a module that torch.save wrote:"
            f" {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        ) from error
    if not isinstance(module, nn.Module):
        raise SpecError(
            f"the teacher {path.name} must hold an nn.Module, not {type(module).__name__}: for"
            " weights alone, name a function that makes the network and loads them"
        )
    return module
