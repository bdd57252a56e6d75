"""Tracing of torch modules: a graph of calls, in which steps find and replace layers.

`torch.fx` runs a module once with stand-ins for tensors. Modules of torch, of Brevitas and of
`bitrill.train` are single calls in it.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import fx, nn
from torch.nn.modules.conv import _ConvNd

from ..errors import SpecError

WEIGHTED = (nn.Linear, _ConvNd)
"""Layers with weights; those of Brevitas are derived from them."""

_WHOLE = ("torch.nn.", "brevitas.", "bitrill.train.", "bitrill.compress.quantizers.")
"""Packages whose modules are single calls."""


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, nn.Sequential | fx.GraphModule):
            return False
        return type(m).__module__.startswith(_WHOLE) or super().is_leaf_module(
            m, module_qualified_name
        )


def trace(module: nn.Module) -> fx.GraphModule:
    """Return a module as a graph that shares its layers.

    Raises `SpecError` for one whose way depends on data: where, and what would do.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = _Tracer().trace(module)
    except Exception as error:  # the user's code meets stand-ins where it expects tensors
        raise SpecError(
            f"the network cannot be traced: {_reason(error)}, at {_place(error)}; steps that"
            " quantize need a forward() whose calls do not depend on values of tensors (no if,"
            " int(), .item() or NumPy on them)"
        ) from error
    return fx.GraphModule(module, graph)


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _place(error: Exception) -> str:
    """Return the innermost line of code that is neither torch's nor ours."""
    own = (Path(torch.__file__).parent, Path(__file__).parent)
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if not any(Path(f.filename).is_relative_to(o) for o in own)]
    frame = (theirs or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} ({(frame.line or frame.name).strip()})"


def weighted_layers(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return ``(name, layer)`` of each layer with weights, in the module's order."""
    return [(name, m) for name, m in module.named_modules() if isinstance(m, WEIGHTED)]


def weighted_names(module: nn.Module) -> list[str]:
    """Return the names of the layers with weights."""
    return [name for name, _ in weighted_layers(module)]


def replace_module(module: nn.Module, name: str, new: nn.Module) -> None:
    """Put another module in place of the one of that dotted name."""
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, new)


def used_modules(graph: fx.GraphModule) -> Iterator[tuple[fx.Node, nn.Module]]:
    """Yield each call of a module with the module, in the order of the graph."""
    for node in graph.graph.nodes:
        if node.op == "call_module":
            yield node, graph.get_submodule(str(node.target))
