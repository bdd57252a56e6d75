"""Which weights or channels go: by a criterion, at ratios that are given or found."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ....errors import SpecError
from ... import graph_tracing
from ...measures import accuracy
from ...state import hold, weight_of
from . import criteria, dependencies
from .criteria import Context
from .units import Units, filter_axis, kept_by_layer, kept_by_network, n_of_m, n_of_m_mask, units_of

Ratios = Mapping[str, float]
"""Share that is pruned, by layer (or by the first layer of a group of channels)."""

PROBED = tuple(k / 20 for k in range(1, 20))
"""Ratios that sensitivity tries in each layer."""


@dataclass(frozen=True)
class Selection:
    """What is pruned: units of a ``shape``, those that are worth least by a ``criterion``.

    ``by_network``: units of all layers compare, and the ratio is of all their weights. ``group``:
    inputs of a unit of shape ``group``. ``multiple``: numbers of channels that stay are rounded up
    to a multiple of it.
    """

    shape: str
    criterion: str
    by_network: bool
    group: int = 4
    multiple: int = 1

    def masks(self, context: Context, ratios: Ratios, share: float = 1.0) -> dict[str, Tensor]:
        """Return the masks of layers; ``share``: of the ratios, while pruning is under way.

        What a mask of the state holds at zero stays so, and counts in the ratio.
        """
        module, held = context.module, context.state.masks
        layers = {name: module.get_submodule(name) for name in ratios}
        block = n_of_m(self.shape)
        shape = "element" if block else self.shape
        units = {name: units_of(layer, shape, self.group) for name, layer in layers.items()}
        worth = criteria.scores(self.criterion, context, units)
        for name in units.keys() & held.keys():
            worth[name][units[name].means(held[name].float()) == 0] = -torch.inf
        if block:
            masks = {
                name: n_of_m_mask(
                    worth[name].view(unit.index.shape), *block, 1 - filter_axis(layers[name])
                )
                for name, unit in units.items()
            }
        else:
            masks = self._of_units(units, worth, ratios, share)
        return {n: m & held[n].bool() if n in held else m for n, m in masks.items()}

    def _of_units(
        self, units: Mapping[str, Units], worth: Mapping[str, Tensor], ratios: Ratios, share: float
    ) -> dict[str, Tensor]:
        if self.by_network:
            sizes = {name: unit.sizes for name, unit in units.items()}
            kept = kept_by_network(worth, sizes, share * max(ratios.values(), default=0.0))
        else:
            kept = {n: kept_by_layer(worth[n], share * ratio) for n, ratio in ratios.items()}
        dead = [name for name, each in kept.items() if not each.any()]
        if dead:
            raise SpecError(f"ratio must leave a {self.shape} of {', '.join(dead)}, not remove all")
        return {name: unit.mask(kept[name]) for name, unit in units.items()}

    def channels(self, context: Context, ratios: Ratios) -> dict[str, list[int]]:
        """Return the channels that go, by the first layer of each group."""
        groups = {g.root: g for g in context.dependencies.groups() if g.root in ratios}
        worth = {root: self._worth(context, group) for root, group in groups.items()}
        worth = {root: s for root, s in worth.items() if s is not None}
        if not worth:
            raise SpecError(f"criterion {self.criterion} finds nothing to prune")
        sizes = {root: torch.full((len(s),), groups[root].chunks) for root, s in worth.items()}
        if self.by_network:
            kept = kept_by_network(worth, sizes, max(ratios.values()))
        else:
            kept = {root: kept_by_layer(s, ratios[root]) for root, s in worth.items()}
        return {root: self._gone(groups[root], worth[root], each) for root, each in kept.items()}

    def _worth(self, context: Context, group: dependencies.Group) -> Tensor | None:
        """Return the mean rating over the layers that compute the channels, each divided by its
        mean."""
        total, count = torch.zeros(group.count), torch.zeros(group.count)
        for member in group.outputs:
            layer = context.module.get_submodule(member.layer)
            if self.criterion == "bn" and context.dependencies.norm_behind(member.layer) is None:
                continue
            units = {member.layer: units_of(layer, "channel", 1)}
            own = criteria.scores(self.criterion, context, units)[member.layer]
            own = own.repeat(-(-(max(member.index) + 1) // len(own)))[member.index]
            if not self.by_network:
                own = own / own.mean().clamp(min=torch.finfo(own.dtype).tiny)
            root = torch.tensor(member.root)
            total.index_add_(0, root, own)
            count.index_add_(0, root, torch.ones(len(root)))
        if not count.any():
            return None
        return (total / count.clamp(min=1)).view(group.chunks, -1).mean(0)

    def _gone(self, group: dependencies.Group, worth: Tensor, kept: Tensor) -> list[int]:
        stay = int(kept.sum())
        if not stay:
            raise SpecError(f"ratio must leave a channel of {group.root}, not remove all")
        stay = min(len(kept), -(-stay // self.multiple) * self.multiple)
        gone = worth.sort(stable=True).indices[: len(kept) - stay]
        size = len(kept)
        return sorted(int(k) + c * size for c in range(group.chunks) for k in gone)


def prunable(context: Context, shape: str) -> dict[str, list[str]]:
    """Return the layers that may be pruned, each with those that it is pruned with."""
    if shape not in ("channel", "filter"):
        return {name: [name] for name in graph_tracing.weighted_names(context.module)}
    groups = {g.root: [m.layer for m in g.outputs] for g in context.dependencies.groups()}
    if shape == "channel":
        return groups
    return {name: [name] for layers in groups.values() for name in layers}


def sensitive(context: Context, selection: Selection, names: Iterable[str], most: float) -> Ratios:
    """Return for each layer the largest ratio at which pruning only this layer costs ``most``.

    ``most``: share of the validation split, 0..1. Ratios are tried upwards in steps of 0.05, until
    one costs more (Li et al. 2017, figure 2; Han et al. 2015).
    """
    floor = context.state.accuracy() - most
    ratios: dict[str, float] = {}
    for name in names:
        ratios[name] = 0.0
        for ratio in PROBED:
            if _accuracy_without(context, selection, {name: ratio}) < floor:
                break
            ratios[name] = ratio
    return ratios


def _accuracy_without(context: Context, selection: Selection, ratios: Ratios) -> float:
    """Return the accuracy of the network without the pruned units; -1 if nothing would stay."""
    state = context.state
    try:
        if selection.shape == "channel":
            removed = selection.channels(context, ratios)
            module = dependencies.remove(copy.deepcopy(state.module), removed, state.example)
            return accuracy(module, state.data.x_val, state.data.y_val)
        masks = selection.masks(context, ratios)
    except SpecError:
        return -1.0
    before = {name: weight_of(state.module, name).detach().clone() for name in masks}
    with torch.no_grad():
        for name, mask in masks.items():
            hold(state.module.get_submodule(name), mask)
        result = state.accuracy()
        for name, mask in masks.items():
            hold(state.module.get_submodule(name), torch.ones_like(mask))
            weight_of(state.module, name).copy_(before[name])
    return result
