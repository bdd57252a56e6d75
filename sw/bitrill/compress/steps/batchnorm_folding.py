"""The step ``fold``: batch norms become part of the layers before them, in floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ...errors import SpecError
from .. import graph_tracing
from ..quantizers.quantized_layers import quantizing_layers
from ..state import Choices, CompressionStep, State, step

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)


@step("fold")
@dataclass(frozen=True, kw_only=True)
class Fold(CompressionStep):
    """Folds batch norms: ``W' = a W``, ``b' = a (b - mean) + beta``, ``a = gamma / sqrt(var + e)``.

    Hardware absorbs batch norms in thresholds, folded or not. Folding changes the weights that are
    quantized: scales for each channel that are set after training then fit the effective weights. A
    norm is folded only if it is the only reader of its layer; others are listed in a note.
    """

    def choose(self, state: State) -> Choices:
        if next(quantizing_layers(state.module), None) is not None:
            raise SpecError("fold must stand before quantize: it changes weights")
        graph = graph_tracing.trace(state.module)
        pairs = foldable(graph)
        rest = [
            str(node.target)
            for node, module in graph_tracing.used_modules(graph)
            if isinstance(module, _NORMS) and str(node.target) not in pairs.values()
        ]
        if not pairs:
            raise SpecError("fold needs a batch norm right behind a layer with weights; none is")
        if rest:
            state.notes.append(f"not folded, no layer of their own before them: {', '.join(rest)}")
        return {"folded": pairs}

    def reshape(self, module: nn.Module, choices: Choices, example: Tensor) -> nn.Module:
        graph = graph_tracing.trace(module.eval())
        for node, _ in list(graph_tracing.used_modules(graph)):
            name = str(node.args[0].target) if isinstance(node.args[0], fx.Node) else ""
            if choices["folded"].get(name) == str(node.target):
                layer, norm = graph.get_submodule(name), graph.get_submodule(str(node.target))
                graph_tracing.replace_module(graph, name, folded(layer, norm))
                node.replace_all_uses_with(node.args[0])  # pyright: ignore[reportArgumentType]
                graph.graph.erase_node(node)
        graph.delete_all_unused_submodules()
        graph.recompile()
        return graph

    def tune(self, state: State, choices: Choices) -> None:
        """Set nothing: folding does not change what the network computes, except for float
        rounding."""


def foldable(graph: fx.GraphModule) -> dict[str, str]:
    """Return the names of batch norms by the layers whose only readers they are."""
    modules = dict(graph_tracing.used_modules(graph))
    calls = [str(node.target) for node in modules]
    pairs: dict[str, str] = {}
    for node, module in modules.items():
        source = node.args[0]
        if not isinstance(module, _NORMS) or not isinstance(source, fx.Node):
            continue
        layer, names = modules.get(source), (str(source.target), str(node.target))
        alone = len(source.users) == 1 and all(calls.count(name) == 1 for name in names)
        if isinstance(layer, graph_tracing.WEIGHTED) and alone and module.running_mean is not None:
            pairs[names[0]] = names[1]
    return pairs


def folded(layer: Any, norm: Any) -> nn.Module:
    """Return a layer equal to ``layer`` followed by ``norm`` in evaluation mode."""
    if isinstance(layer, nn.Linear):
        return fuse_linear_bn_eval(layer, norm)
    return fuse_conv_bn_eval(layer, norm, transpose=isinstance(layer, _TRANSPOSED))
