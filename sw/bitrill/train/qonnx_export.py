"""Exports a Brevitas module to QONNX; the file is compared with torch before it is written."""

import contextlib
import functools
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
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
from ..frontend.reader.local_functions import (
    DOMAIN,
    VERSION,
    l1_conv_function,
    l1_matmul_function,
    log_quant_function,
)
from ..storage import write_bytes
from .adder import AdderConv2d, AdderLinear
from .frozen import check_quantized, freeze_weights, one_bit_integers
from .logquant import LogActivation
from .onnx_execution import QonnxNetwork
from .oracle import Comparison, Side, compare, golden_side


def export(
    module: nn.Module, example_input: Tensor, path: Path | str, *, dynamo: bool = False
) -> Comparison:
    """Write a Brevitas module as QONNX, after comparing the file with torch on a batch.

    ``example_input``: typical inputs, floats ``[N, *shape]``, all of which are compared. Node by
    node, on torch's integers, qonnx must decide like torch; each difference is proven to be within
    the float error bound of a decision boundary (see `oracle`). If Bitrill can import the file, its
    golden model is compared, too; if not, ``notes`` has the reason. ``module`` is not changed.

    ``dynamo``: use torch's newer exporter instead of TorchScript; Bitrill reads both.
    Raises a `MismatchError` that names the first wrong node (then nothing is written), `ToolError`
    if the exporter fails, `SpecError` for a layer without a quantizer of its weights, and for an
    example without images.
    """
    path = Path(path)
    if example_input.ndim < 2 or len(example_input) < 1:
        shape = list(example_input.shape)
        raise SpecError(f"example_input must be a batch of inputs, [N, ..], not {shape}")
    check_quantized(module)
    model = to_onnx(freeze_weights(module, example_input[:1]), example_input[:1], dynamo=dynamo)
    network = QonnxNetwork(model)
    x = example_input.detach().numpy().astype(np.float32)
    seen = observe(module, example_input)
    _same_weights(network, seen.weights)
    report = compare(network, x, seen.side(network))
    data = model.SerializeToString(deterministic=True)
    note = _compare_golden(network, data, x, path.name)
    write_bytes(path, data)
    return replace(report, notes=(note,))


@dataclass
class Observed:
    """Outputs of torch's quantizers in one evaluation, in the order in which they ran."""

    weights: list[tuple[str, np.ndarray]] = field(default_factory=list)
    activations: list[tuple[str, np.ndarray]] = field(default_factory=list)
    output: np.ndarray = field(default_factory=lambda: np.empty(0))

    def side(self, network: QonnxNetwork) -> Side:
        """Return torch as a side of the comparison; the file must have the same quantizers."""
        ours = [q.name for q in network.quantizers]
        if len(ours) != len(self.activations):
            theirs = [name for name, _ in self.activations]
            raise MismatchError(
                f"the export must hold torch's {len(theirs)} activation quantizers"
                f" ({', '.join(theirs)}), not {len(ours)} ({', '.join(ours)})"
            )
        return Side("torch", [y for _, y in self.activations], self.output)


def observe(module: nn.Module, x: Tensor) -> Observed:
    """Evaluate the module on x (not in training mode); record the results of all quantizers."""
    seen = Observed()
    parameters: dict[str, np.ndarray] = {}

    def note(name: str, is_parameter: bool, y: object) -> None:
        value = _plain(y)
        if is_parameter:  # called again where its scale is needed; the value is the same
            parameters.setdefault(name, value)
        elif value.ndim and len(value) == len(x):  # not a probe of Brevitas for the scale
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
    """Return the values of a tensor or quantized tensor."""
    value = getattr(y, "value", y)
    return value.detach().numpy().astype(np.float32)


def _same_weights(network: QonnxNetwork, seen: list[tuple[str, np.ndarray]]) -> None:
    """Check that each weight quantizer of the file has torch's values."""
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


def _compare_golden(network: QonnxNetwork, data: bytes, x: np.ndarray, name: str) -> str:
    """Compare the golden model, too; return the outcome in words."""
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
    """Export with Brevitas, and remove every trace of machine, date and folder."""
    options: dict[str, Any] = {"dynamo": dynamo} | ({"optimize": True} if dynamo else {})
    functions = _functions(module)
    if functions and dynamo:
        raise ToolError(
            "torch's newer exporter cannot write functions of Bitrill's own"
            f" ({', '.join(functions)}): export with dynamo=False"
        )
    if functions:
        options["custom_opsets"] = {DOMAIN: VERSION}
    with _silence(), one_bit_integers():
        try:
            from brevitas.export import export_qonnx

            model = export_qonnx(
                module, args=example, input_names=["input"], output_names=["output"], **options
            )
        except ImportError as error:
            raise ToolError(
                f"export needs {error.name}: pip install 'bitrill[train]'", missing=True
            ) from error
        except Exception as error:  # the exporters may raise anything
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise ToolError(f"Brevitas cannot export this module: {reason}") from error
    opset = next(o.version for o in model.opset_import if o.domain == "")
    model.functions.extend(make(opset) for make in functions.values())
    return _tidy(model)


def _functions(module: nn.Module) -> dict[str, Callable[[int], onnx.FunctionProto]]:
    """Return the makers of the local functions that a module's export calls, by name."""
    kinds = {
        "L1MatMul": (AdderLinear, l1_matmul_function),
        "L1Conv": (AdderConv2d, l1_conv_function),
        "LogQuant": (LogActivation, log_quant_function),
    }
    parts = list(module.modules())
    return {
        name: make
        for name, (kind, make) in kinds.items()
        if any(isinstance(part, kind) for part in parts)
    }


def _tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove initializers from the inputs, and traces, paths and names of scopes."""
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
    """Hide the progress that exporters print, and their warnings about their own parts."""
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
