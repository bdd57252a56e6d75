"""Export of a Brevitas module to QONNX, with every quantizer checked; see `export`."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from brevitas.proxy.parameter_quant import (
    BiasQuantProxyFromInjectorBase,
    WeightQuantProxyFromInjectorBase,
)
from brevitas.proxy.runtime_quant import ActQuantProxyFromInjectorBase
from torch import Tensor, nn

from ..errors import MismatchError, SpecError, ToolError, UnsupportedError
from ..frontend.reader.functions import DOMAIN, VERSION, l1_matmul_function, log_quant_function
from ..storage import write_bytes
from . import quantizers
from .adder import AdderLinear
from .executor import Network
from .logquant import LogActivation
from .oracle import Report, Side, compare, golden_side


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


def export(
    module: nn.Module, example_input: Tensor, path: Path | str, *, dynamo: bool = False
) -> Report:
    """Write a Brevitas module as QONNX, after comparing the file with torch on a batch.

    ``example_input``: floats ``[N, *shape]``, as the network will see; the file takes one at a
    time, the comparison all of them. Node by node, on torch's own integers, qonnx must decide as
    torch does; a difference must lie within the float error bound of a decision boundary, which is
    proven for each (see `oracle`). Where Bitrill can import the file, its golden model is compared
    likewise; where not, ``notes`` of the report says why. ``module`` is left as it was.

    ``dynamo``: torch's newer exporter instead of TorchScript; both give what Bitrill reads.
    Raises `MismatchError` that names the first wrong node (then nothing is written), `ToolError`
    for what the exporter refuses, `SpecError` for an example without images.
    """
    path = Path(path)
    if example_input.ndim < 2 or len(example_input) < 1:
        shape = list(example_input.shape)
        raise SpecError(f"example_input must be a batch of inputs, [N, ..], not {shape}")
    model = to_onnx(freeze_weights(module), example_input[:1], dynamo=dynamo)
    network = Network(model)
    x = example_input.detach().numpy().astype(np.float32)
    seen = observe(module, example_input)
    _same_weights(network, seen.weights)
    report = compare(network, x, seen.side(network))
    data = model.SerializeToString(deterministic=True)
    note = _compare_golden(network, data, x, path.name)
    write_bytes(path, data)
    return dataclasses.replace(report, notes=(note,))


@dataclass
class Observed:
    """What torch's quantizers gave in one evaluation, in the order in which they ran."""

    weights: list[tuple[str, np.ndarray]] = field(default_factory=list)
    activations: list[tuple[str, np.ndarray]] = field(default_factory=list)
    output: np.ndarray = field(default_factory=lambda: np.empty(0))

    def side(self, network: Network) -> Side:
        """Torch as a side of the comparison; its quantizers must be those of the file, in order."""
        ours = [q.name for q in network.quantizers]
        if len(ours) != len(self.activations):
            theirs = [name for name, _ in self.activations]
            raise MismatchError(
                f"the export must hold torch's {len(theirs)} activation quantizers"
                f" ({', '.join(theirs)}), not {len(ours)} ({', '.join(ours)})"
            )
        return Side("torch", [y for _, y in self.activations], self.output)


def observe(module: nn.Module, x: Tensor) -> Observed:
    """Evaluate the module on x (not in training mode) and note what every quantizer gives."""
    seen = Observed()
    parameters: dict[str, np.ndarray] = {}

    def note(name: str, is_parameter: bool, y: Any) -> None:
        value = _plain(y)
        if is_parameter:  # may be asked again for its scale: the value is the same
            parameters.setdefault(name, value)
        elif value.ndim and len(value) == len(x):  # a probe for the scale is no batch
            seen.activations.append((name, value))

    hooks = []
    for name, part in module.named_modules():
        kinds = (WeightQuantProxyFromInjectorBase, BiasQuantProxyFromInjectorBase)
        ours = isinstance(part, LogActivation)
        proxy = isinstance(part, (*kinds, ActQuantProxyFromInjectorBase))
        if ours or (proxy and part.is_quant_enabled):
            hook = functools.partial(note, name, isinstance(part, kinds))
            hooks.append(part.register_forward_hook(lambda _m, _x, y, hook=hook: hook(y)))
    training = module.training
    try:
        with torch.no_grad():
            seen.output = _plain(module.eval()(x))
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    seen.weights = list(parameters.items())
    return seen


def _plain(y: Any) -> np.ndarray:
    """A tensor's or quantized tensor's values."""
    value = getattr(y, "value", y)
    return value.detach().numpy().astype(np.float32)


def _same_weights(network: Network, seen: list[tuple[str, np.ndarray]]) -> None:
    """Each constant's quantizer must give what torch's gave, value for value."""
    if len(network.weights) != len(seen):
        raise MismatchError(
            f"the export must hold torch's {len(seen)} weight quantizers"
            f" ({', '.join(name for name, _ in seen)}), not {len(network.weights)}"
        )
    for q, (name, theirs) in zip(network.weights, seen, strict=True):
        ours = network.constant(q.output)
        if ours.shape != theirs.shape:
            raise MismatchError(
                f"{q.name} must hold the {list(theirs.shape)} values of {name},"
                f" not {list(ours.shape)}"
            )
        wrong = np.argwhere(ours != theirs)
        if len(wrong):
            first = tuple(int(i) for i in wrong[0])
            raise MismatchError(
                f"the export lost the quantizer {name}: at {q.name}, {len(wrong)} of {ours.size}"
                f" weights differ; first {list(first)}: torch {float(theirs[first]):g},"
                f" qonnx {float(ours[first]):g}",
                node=q.name,
                differences=len(wrong),
                values=ours.size,
                index=list(first),
            )


def _compare_golden(network: Network, data: bytes, x: np.ndarray, name: str) -> str:
    """Compare the golden model too; what came of it, in words."""
    from ..frontend import load_model
    from ..lowering import to_integer

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        write_bytes(file, data)
        try:
            graph = to_integer(load_model(file))
        except UnsupportedError as error:
            return f"not imported: {error}"
    report = compare(network, x, golden_side(network, graph, x))
    return (
        f"golden model compared: {len(report.differences)} differences at boundaries,"
        f" {len(report.decisions)} decisions differ"
    )


def to_onnx(module: nn.Module, example: Tensor, *, dynamo: bool) -> onnx.ModelProto:
    """What Brevitas exports, without traces of the machine, the day or the folder."""
    options: dict[str, Any] = {"dynamo": dynamo} | ({"optimize": True} if dynamo else {})
    functions = _functions(module)
    if functions and dynamo:
        raise ToolError(
            "torch's newer exporter cannot write functions of Bitrill's own"
            f" ({', '.join(functions)}): export with dynamo=False"
        )
    if functions:
        options["custom_opsets"] = {DOMAIN: VERSION}
    with _silence():
        try:
            from brevitas.export import export_qonnx

            model = export_qonnx(
                module, args=example, input_names=["input"], output_names=["output"], **options
            )
        except ImportError as error:
            raise ToolError(
                f"export needs {error.name}: pip install 'bitrill[train]'", missing=True
            ) from error
        except Exception as error:  # the exporters raise whatever their parts raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise ToolError(f"Brevitas cannot export this module: {reason}") from error
    opset = next(o.version for o in model.opset_import if o.domain == "")
    model.functions.extend(make(opset) for make in functions.values())
    return _tidy(model)


def _functions(module: nn.Module) -> dict[str, Callable[[int], onnx.FunctionProto]]:
    """Makers of the local functions that a module's export calls, by name."""
    kinds = {
        "L1MatMul": (AdderLinear, l1_matmul_function),
        "LogQuant": (LogActivation, log_quant_function),
    }
    parts = list(module.modules())
    return {
        name: make
        for name, (kind, make) in kinds.items()
        if any(isinstance(part, kind) for part in parts)
    }


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
