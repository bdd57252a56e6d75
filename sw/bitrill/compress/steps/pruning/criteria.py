"""Criteria rate the units of weights; those with the lowest rating are pruned.

Each returns a number for each unit of each layer, ``[count]``. Most are means over the elements of
a unit, so that units of different sizes can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from ....errors import SpecError
from ...module_training import Training
from ...state import State, weight_of
from .dependencies import Dependencies
from .reads import is_plain, rows_of
from .units import Units, filter_axis

DAMPING = 1e-4
"""Share of its mean diagonal that is added to a matrix of products, for inputs that are zero."""

Scores = dict[str, Tensor]
"""Numbers of the units of each layer, by its name."""

BATCH = 100
PROBES = 8
"""Random vectors from which the diagonal of the Hessian is estimated."""


@dataclass
class Context:
    """A network and the data that criteria look at: the first ``samples`` training images."""

    state: State
    training: Training
    samples: int

    def __post_init__(self) -> None:
        self.samples = min(self.samples, len(self.state.data.x_train))

    @property
    def module(self) -> nn.Module:
        """The network."""
        return self.state.module

    @cached_property
    def dependencies(self) -> Dependencies:
        """Groups of channels of the network."""
        return Dependencies(self.module, self.state.example)

    def batches(self, size: int = BATCH) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and labels."""
        data, place = self.state.data, next(self.module.parameters()).device
        yield from zip(
            data.x_train[: self.samples].to(place).split(size),
            data.y_train[: self.samples].to(place).split(size),
            strict=True,
        )

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of the network in evaluation mode, as training computes it."""
        return self.training.objective(self.module, x, labels)


def scores(criterion: str, context: Context, units: Mapping[str, Units]) -> Scores:
    """Return what each unit is worth by a criterion; the network is looked at in evaluation."""
    training = context.module.training
    context.module.eval()
    try:
        if criterion in OF_FILTERS:
            return {name: OF_FILTERS[criterion](context, name).cpu() for name in units}
        elements = OF_ELEMENTS[criterion](context, list(units))
    finally:
        context.module.train(training)
    means = {name: unit.means(elements[name].cpu()).abs() for name, unit in units.items()}
    return {name: lamp(s) for name, s in means.items()} if criterion == "lamp" else means


def _magnitudes(context: Context, names: list[str]) -> Scores:
    """L1: the least sum of magnitudes is pruned (Han et al. 2015; filters: Li et al. 2017)."""
    return {name: weight_of(context.module, name).detach().abs() for name in names}


def _squares(context: Context, names: list[str]) -> Scores:
    """L2: the least sum of squares is pruned."""
    return {name: weight_of(context.module, name).detach().square() for name in names}


def _random(context: Context, names: list[str]) -> Scores:
    """Draw numbers: what every other criterion is measured against."""
    return {name: torch.rand(weight_of(context.module, name).shape) for name in names}


def _taylor(context: Context, names: list[str]) -> Scores:
    """``w dL/dw``: change of the loss, to first order, if a weight becomes zero.

    Summed over a filter it is the sum of ``a dL/da`` over the filter's map, without bias (Molchanov
    et al. 2017, 2019).
    """
    weights = [weight_of(context.module, name) for name in names]
    totals = [torch.zeros_like(w) for w in weights]
    for x, labels in context.batches():
        given = torch.autograd.grad(context.loss(x, labels), weights)
        totals = [t + g * len(x) / context.samples for t, g in zip(totals, given, strict=True)]
    return {n: (w * t).detach() for n, w, t in zip(names, weights, totals, strict=True)}


def _fisher(context: Context, names: list[str]) -> Scores:
    """OBD: ``h w^2 / 2`` (LeCun et al. 1990), with the mean of squared gradients as h.

    Gradients of single images; their mean square is h if the network returns probabilities.
    """
    weights = [weight_of(context.module, name) for name in names]
    totals = [torch.zeros_like(w) for w in weights]
    for x, labels in context.batches(1):
        given = torch.autograd.grad(context.loss(x, labels), weights)
        totals = [t + g.square() for t, g in zip(totals, given, strict=True)]
    return _saliency(names, weights, [t / context.samples for t in totals])


def _hessian(context: Context, names: list[str]) -> Scores:
    """``h w^2 / 2`` with the Hessian's own diagonal, estimated as mean of ``v * Hv`` (Hutchinson).

    v: random signs. Second derivatives may be negative, where training has not ended.
    """
    weights = [weight_of(context.module, name) for name in names]
    totals = [torch.zeros_like(w) for w in weights]
    for x, labels in context.batches():
        given = torch.autograd.grad(context.loss(x, labels), weights, create_graph=True)
        for _ in range(PROBES):
            v = [torch.randint(2, w.shape).to(w) * 2 - 1 for w in weights]
            along = torch.stack([(g * u).sum() for g, u in zip(given, v, strict=True)]).sum()
            second = torch.autograd.grad(along, weights, retain_graph=True, materialize_grads=True)
            part = len(x) / context.samples / PROBES
            totals = [t + part * u * h for t, u, h in zip(totals, v, second, strict=True)]
    return _saliency(names, weights, totals)


def _surgeon(context: Context, names: list[str]) -> Scores:
    """OBS: ``w^2 / (2 [H^-1]_qq)``, error of a layer's outputs if the others compensate for w.

    H: mean products of the layer's inputs (Hassibi et al. 1993, by layer as Dong et al. 2017). The
    training after the pruning replaces the correction of the other weights.
    """
    given: Scores = {}
    for name in names:
        if not is_plain(context.module, name):
            raise SpecError(f"criterion obs needs layers of one group, padded by zeros: not {name}")
        w = weight_of(context.module, name)
        x = rows_of(context.batches(), context.module, name).double()
        h = x.T @ x / len(x)
        h.diagonal().add_(DAMPING * h.diagonal().mean())
        loss = w.detach().flatten(1).double().square() / (2 * torch.linalg.inv(h).diagonal())
        given[name] = loss.float().view(w.shape)
    return given


def _saliency(names: list[str], weights: list[Tensor], h: list[Tensor]) -> Scores:
    return {n: (0.5 * k * w.square()).detach() for n, w, k in zip(names, weights, h, strict=True)}


def lamp(squares: Tensor) -> Tensor:
    """Return LAMP's score: a square over the sum of those that are not smaller (Lee et al. 2021).

    ``squares``, ``[count]``, of one layer; scores compare over all layers.
    """
    order = squares.double().sort(stable=True)
    behind = order.values.flip(0).cumsum(0).flip(0).clamp(min=torch.finfo(torch.float32).tiny)
    return torch.zeros_like(order.values).scatter_(0, order.indices, order.values / behind).float()


def _geometric_median(context: Context, name: str) -> Tensor:
    """FPGM: the filter nearest to all others is pruned: they can replace it (He et al. 2019)."""
    rows = _filters(context.module, name)
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").sum(1)


def _filters(module: nn.Module, name: str) -> Tensor:
    layer = module.get_submodule(name)
    return weight_of(module, name).detach().movedim(filter_axis(layer), 0).flatten(1)


def _scale_of_norm(context: Context, name: str) -> Tensor:
    """Slimming: the magnitude of a filter's factor in the batch norm that follows (Liu et al.
    2017)."""
    norm = context.dependencies.norm_behind(name)
    if norm is None or norm.weight is None:
        raise SpecError(
            f"criterion bn needs a batch norm with factors behind {name}, which has none"
        )
    assert isinstance(norm.weight, Tensor)
    return norm.weight.detach().abs()


def _activity(context: Context, name: str) -> Tensor:
    """APoZ: the share of a map's values, over images, that a ReLU would let pass (Hu et al. 2016).

    They are counted after the batch norm, if there is one, whether a ReLU follows or not.
    """
    layer = context.module.get_submodule(name)
    norm = context.dependencies.norm_behind(name)
    counts: list[Tensor] = []

    def count(_module: nn.Module, _inputs: object, output: object) -> None:
        value = getattr(output, "value", output)
        assert isinstance(value, Tensor)
        counts.append((value > 0).float().transpose(0, 1).flatten(1).mean(1) * len(value))

    handle = (norm or layer).register_forward_hook(count)
    try:
        with torch.no_grad():
            for x, _ in context.batches():
                context.module(x)
    finally:
        handle.remove()
    return torch.stack(counts).sum(0) / context.samples


OF_ELEMENTS: dict[str, Callable[[Context, list[str]], Scores]] = {
    "magnitude": _magnitudes,
    "l1": _magnitudes,
    "l2": _squares,
    "lamp": _squares,
    "random": _random,
    "taylor": _taylor,
    "obd": _fisher,
    "hessian": _hessian,
    "obs": _surgeon,
}
"""Criteria of single weights, whose means are those of units."""

OF_FILTERS: dict[str, Callable[[Context, str], Tensor]] = {
    "fpgm": _geometric_median,
    "bn": _scale_of_norm,
    "activation": _activity,
}
"""Criteria of whole filters."""

CRITERIA = (*OF_ELEMENTS, *OF_FILTERS)
