"""Channels that go together: torch-pruning's dependency graph of any module."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ....errors import SpecError
from ... import graph_tracing
from ...state import weight_of
from .units import filter_axis


@dataclass(frozen=True)
class Member:
    """A layer of a group: channel ``root[k]`` of the group's first layer is its ``index[k]``.

    ``output``: whether its outputs go with that channel, else its inputs.
    """

    layer: str
    output: bool
    index: list[int]
    root: list[int]


@dataclass(frozen=True)
class Group:
    """Channels that layers share; they are counted as outputs of the layer ``root``.

    ``chunks``: of a grouped convolution; the same channels of each chunk must go.
    """

    root: str
    count: int
    members: tuple[Member, ...]
    chunks: int = 1

    @property
    def outputs(self) -> list[Member]:
        """Layers that compute the channels."""
        return [m for m in self.members if m.output]

    @property
    def inputs(self) -> list[Member]:
        """Layers that read the channels."""
        return [m for m in self.members if not m.output]


class Dependencies:
    """Groups of channels in a module, and their removal."""

    def __init__(self, module: nn.Module, example: Tensor):
        self.module = module
        self.names = {m: name for name, m in module.named_modules()}
        training = module.training
        with torch.enable_grad(), warnings.catch_warnings(), _plain(module):
            warnings.simplefilter("ignore")
            self.graph = tp.DependencyGraph().build_dependency(
                module, example, ignored_params=_loose(module), verbose=False
            )
        module.train(training)

    def groups(self) -> Iterator[Group]:
        """Yield the groups that may lose channels: not those of the network's result."""
        seen: set[str] = set()
        for name, layer in graph_tracing.weighted_layers(self.module):
            if name in seen or layer not in self.graph.module2node:
                continue
            group = self._group(layer, range(_outputs(layer)))
            members = tuple(self._members(group))
            seen |= {m.layer for m in members if m.output}
            if not self._is_result(group):
                yield Group(name, _outputs(layer), members, self._chunks(members))

    def _group(self, layer: nn.Module, index: Sequence[int]) -> tp.Group:
        pruner: Any = self.graph.get_pruner_of_module(layer)
        return self.graph.get_pruning_group(layer, pruner.prune_out_channels, list(index))

    def _members(self, group: tp.Group) -> Iterator[Member]:
        for item in group.items:
            module = item.dep.target.module
            if isinstance(module, graph_tracing.WEIGHTED):
                output = self.graph.is_out_channel_pruning_fn(item.dep.handler)
                yield Member(self.names[module], output, list(item.idxs), list(item.root_idxs))

    def _is_result(self, group: tp.Group) -> bool:
        """Whether a group's channels are outputs of the network."""
        is_output = self.graph.is_out_channel_pruning_fn
        return any(is_output(i.dep.handler) and not i.dep.target.outputs for i in group.items)

    def _chunks(self, members: Sequence[Member]) -> int:
        layers: list[Any] = [self.module.get_submodule(m.layer) for m in members]
        return max(
            (n.groups for n in layers if getattr(n, "groups", 1) not in (1, _outputs(n))), default=1
        )

    def norm_behind(self, name: str) -> nn.Module | None:
        """Return the batch norm that reads a layer's result, if there is one."""
        node = self.graph.module2node[self.module.get_submodule(name)]
        norms = [n.module for n in node.outputs if isinstance(n.module, _BatchNorm)]
        return norms[0] if len(node.outputs) == 1 and norms else None

    def remove(self, root: str, index: Sequence[int]) -> None:
        """Take channels out of the module; quantizers of weights follow."""
        group = self._group(self.module.get_submodule(root), index)
        members = list(self._members(group))
        names = dict.fromkeys(m.layer for m in members)
        quantizers = {name: _Quantizer(self.module.get_submodule(name)) for name in names}
        if not self.graph.check_pruning_group(group):
            raise SpecError(f"{root}: at least one of its channels must stay")
        group.prune(record_history=False)
        with torch.no_grad():
            for member in members:
                quantizers[member.layer].cut(member)
            for quantizer in quantizers.values():
                quantizer.restore()


def remove(module: nn.Module, removed: Mapping[str, Sequence[int]], example: Tensor) -> nn.Module:
    """Remove channels from a module, by the name of the first layer that computes them.

    Raises `SpecError` if the module cannot be run without them.
    """
    was, graph = module.training, Dependencies(module, example)
    for root, index in removed.items():
        if index:
            graph.remove(root, index)
    try:
        with torch.no_grad():
            module.eval()(example)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise SpecError(
            f"channels of {', '.join(removed)} cannot be removed, since the network fixes their"
            f" number elsewhere: {reason}"
        ) from error
    return module.train(was)


def _outputs(layer: nn.Module) -> int:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    groups = getattr(layer, "groups", 1) if filter_axis(layer) else 1
    return weight.shape[filter_axis(layer)] * groups


@contextmanager
def _plain(module: nn.Module) -> Iterator[None]:
    """Have the quantizers of a module off, whose calls are no layers."""
    proxies: list[Any] = [m for m in module.modules() if hasattr(m, "disable_quant")]
    before = [p.disable_quant for p in proxies]
    for proxy in proxies:
        proxy.disable_quant = True
    try:
        yield
    finally:
        for proxy, off in zip(proxies, before, strict=True):
            proxy.disable_quant = off


def _loose(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that are of no layer, such as scales of quantizers."""
    own = [
        p
        for m in module.modules()
        if isinstance(m, (*graph_tracing.WEIGHTED, _BatchNorm))
        for p in m.parameters(recurse=False)
    ]
    known = {id(p) for p in own}
    return [p for p in module.parameters() if id(p) not in known]


class _Quantizer:
    """A layer's weight quantizer before channels go: Brevitas makes a new one for a new weight."""

    def __init__(self, layer: Any):
        self.layer, self.shape = layer, list(layer.weight.shape)
        self.before = layer.weight_quant.tensor_quant if hasattr(layer, "weight_quant") else None
        self.tensors = dict(_tensors(self.before)) if self.before is not None else {}

    def cut(self, member: Member) -> None:
        """Cut what there is for each weight, or for each place along an axis of the weight."""
        axis = filter_axis(self.layer) if member.output else 1 - filter_axis(self.layer)
        gone = set(member.index)
        kept = torch.tensor([k for k in range(self.shape[axis]) if k not in gone])
        along = [n if k == axis else 1 for k, n in enumerate(self.shape)]
        for name, value in self.tensors.items():
            if list(value.shape) in (self.shape, along):
                self.tensors[name] = value.index_select(axis, kept)
        self.shape[axis] = len(kept)

    def restore(self) -> None:
        """Restore the quantizer, if it is ours; copy learned values into a new one of Brevitas."""
        if self.before is None:
            return
        proxy = self.layer.weight_quant
        if type(self.before).__module__.startswith("bitrill."):
            proxy.tensor_quant = self.before
            for name, value in list(_tensors(self.before)):
                owner = self.before.get_submodule(name.rpartition(".")[0])
                cut = self.tensors[name]
                learned = isinstance(value, nn.Parameter)
                setattr(owner, name.rpartition(".")[2], nn.Parameter(cut) if learned else cut)
            return
        for name, value in _tensors(proxy.tensor_quant):
            if name in self.tensors and self.tensors[name].shape == value.shape:
                value.copy_(self.tensors[name])
        parts = zip(self.before.modules(), proxy.tensor_quant.modules(), strict=True)
        for old, new in parts:
            if hasattr(old, "init_done"):  # else the first call would set scales anew
                new.init_done = old.init_done


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def masks(
    module: nn.Module, groups: Iterator[Group], removed: Mapping[str, Sequence[int]]
) -> dict[str, Tensor]:
    """Return masks of the layers that compute channels, zero for the removed channels."""
    made: dict[str, Tensor] = {}
    for group in groups:
        gone = set(removed.get(group.root, ()))
        for member in group.outputs if gone else ():
            layer = module.get_submodule(member.layer)
            mask = made.setdefault(member.layer, torch.ones_like(weight_of(module, member.layer)))
            index = [k for k, c in zip(member.index, member.root, strict=True) if c in gone]
            mask.movedim(filter_axis(layer), 0)[index] = 0
    return {name: mask.bool() for name, mask in made.items()}
