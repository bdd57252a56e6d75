"""Export of a Brevitas module to QONNX, with every quantizer checked; see `export`."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from ..errors import SpecError, ToolError
from ..storage import write_bytes
from . import quantizers


class _Frozen(nn.Module):
    """Stands in for a weight quantizer: gives the values, scale, zero point and bits it gave."""

    def __init__(self, given: tuple[Any, ...]):
        super().__init__()
        self.given = given

    def forward(self, *_: Any) -> tuple[Any, ...]:
        return self.given


def freeze_weights(module: nn.Module) -> nn.Module:
    """A copy, in evaluation mode, whose weights hold the very values that their quantizers give.

    Brevitas exports raw weights with a plain Quant node, which loses a quantizer of one's own
    (power of two, codebook): on the quantized values that node changes nothing.
    """
    frozen = copy.deepcopy(module).eval()
    with torch.no_grad():
        for _, layer in quantizers.quantized_layers(frozen):
            proxy: Any = layer.weight_quant
            if not proxy.is_quant_enabled or proxy.requires_quant_input:
                continue
            given = proxy.tensor_quant(layer.weight)
            proxy.tensor_quant = _Frozen(given)
            layer.weight.copy_(given[0])
    return frozen


def export(module: nn.Module, example_input: Tensor, path: Path | str, *, dynamo: bool = False):
    path = Path(path)
    model = to_onnx(freeze_weights(module), example_input[:1], dynamo=dynamo)
    write_bytes(path, model.SerializeToString(deterministic=True))
    return _NoReport()


class _NoReport:
    def to_json(self) -> dict[str, Any]:
        return {}


def to_onnx(module: nn.Module, example: Tensor, *, dynamo: bool) -> onnx.ModelProto:
    """What Brevitas exports, tidied: nothing in it depends on the machine, the day or the folder."""
    try:
        from brevitas.export import export_qonnx
    except ImportError as error:
        raise ToolError(
            f"export needs {error.name}: pip install 'bitrill[train]'", missing=True
        ) from error
    options: dict[str, Any] = {"dynamo": dynamo} | ({"optimize": True} if dynamo else {})
    with _silence():
        model = export_qonnx(
            module, args=example, input_names=["input"], output_names=["output"], **options
        )
    return _tidy(model)


def _tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Initializers are no inputs; no traces, paths or names of scopes beside the network."""
    graph = model.graph
    constants = {i.name for i in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants]
    del graph.input[:]
    graph.input.extend(inputs)
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    for initializer in graph.initializer:
        initializer.ClearField("doc_string")
        initializer.ClearField("metadata_props")
    return model


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Exporters print progress and warn of their own parts; neither is the user's concern."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        previous = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(previous)
