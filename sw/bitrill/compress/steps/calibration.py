"""Post-training steps over Brevitas' graph tools: ranges, equalisation, greedy rounding, biases."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
from brevitas.graph.equalize import EqualizeGraph
from brevitas.graph.gpfq import gpfq_mode
from brevitas.graph.gptq import gptq_mode
from torch import Tensor, fx, nn

from .. import graph_tracing
from ..quantizers.act_grids import grid_of
from ..quantizers.act_modules import UnevenAct
from ..quantizers.insertion import RECTIFIERS, without_quantizers
from ..state import State

BATCH = 100
"""Images that are evaluated at once."""


def batches(state: State, samples: int) -> Iterator[Tensor]:
    """Yield the first training images in batches."""
    yield from state.data.x_train[:samples].split(BATCH)


def calibrate(state: State, samples: int) -> None:
    """Set the scales of activations by the first training images."""
    module = state.module.eval()
    hooks = [part.register_forward_pre_hook(_begin) for part in module.modules() if begins(part)]
    with torch.no_grad(), calibration_mode(module):
        for part in batches(state, samples):
            module(part)
            while hooks:  # the first images tell the start of what is trained then
                hooks.pop().remove()


def begins(module: nn.Module) -> bool:
    """Return whether a module is a quantizer that sets itself by its first inputs."""
    return isinstance(module, UnevenAct) or grid_of(module) is not None


def _begin(module: nn.Module, given: tuple[Tensor, ...]) -> None:
    grid = module if isinstance(module, UnevenAct) else grid_of(module)
    assert grid is not None
    grid.begin(getattr(given[0], "value", given[0]).relu())


def equalized(module: nn.Module) -> fx.GraphModule:
    """Return a network whose layers' channels have like ranges, the same function (Nagel 2019).

    Between two layers with a rectifier channels of the first are divided by a factor, and
    those of the second multiplied. The layers of ``module`` are changed.
    """
    graph = without_quantizers(graph_tracing.trace(module))
    for node in list(graph.graph.nodes):  # Brevitas knows rectifiers that are modules
        if node.op in ("call_function", "call_method") and node.target in RECTIFIERS:
            graph.add_submodule(f"{node.name}_module", nn.ReLU())
            with graph.graph.inserting_after(node):
                new = graph.graph.call_module(f"{node.name}_module", (node.args[0],))
            node.replace_all_uses_with(new)
            graph.graph.erase_node(node)
    graph.recompile()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        EqualizeGraph().apply(graph)  # pyright: ignore[reportArgumentType]
    return graph


def round_greedily(state: State, samples: int, kind: str) -> None:
    """Round weights one after the other; each compensates for the errors of those before it.

    ``gptq``: by the inverse of the inputs' covariance (Frantar et al. 2022); ``gpfq``: by the
    inputs of the quantized network and of the float one (Zhang et al. 2023).
    """
    mode = {"gptq": gptq_mode, "gpfq": gpfq_mode}[kind]
    module = state.module.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module(state.example)  # makes the scales of weights
        with mode(module, create_weight_orig=kind == "gpfq") as greedy:
            for k in range(greedy.num_layers):
                for part in batches(state, samples):
                    greedy.model(part)
                greedy.update()
                state.report(f"{kind}, layer {k + 1}", k + 1, greedy.num_layers)
    for layer in module.modules():
        if hasattr(layer, "weight_orig"):  # Brevitas leaves the float weights of gpfq there
            del layer.weight_orig


def correct_biases(state: State, samples: int) -> None:
    """Take the mean error of each channel off its bias (Nagel et al. 2019)."""
    with torch.no_grad(), bias_correction_mode(state.module.eval()):
        for part in batches(state, samples):
            state.module(part)


def with_biases(module: nn.Module) -> nn.Module:
    """Give a bias of zeros to each layer that has none; returns the module."""
    for _, each in graph_tracing.weighted_layers(module):
        layer: Any = each
        if layer.bias is None:
            dense = isinstance(layer, nn.Linear)
            layer.bias = nn.Parameter(
                torch.zeros(layer.out_features if dense else layer.out_channels)
            )
    return module
