"""The state that is passed from step to step, and the base class of steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from ..train.magnitude_pruning import Pruned
from .measures import Measure, accuracy
from .module_training import Keeper, Loop, Objective, Report, Training
from .sources import DataSplits

Choices: TypeAlias = dict[str, Any]
"""What a step chose, as plain values: with it the step's network can be built again."""


@dataclass
class State:
    """State of a recipe's network between steps: ``module``, with the ``data`` of the recipe.

    ``masks``: which weights may be other than zero, by the name of their layer; training keeps the
    others zero. ``shared``: which weights are one number, as indices by the name of their layer
    (-1: not shared); training changes them together. ``spectra``: the same for the coefficients of
    kernels' cosine transforms, until a step removes weights or channels of the layer.
    ``teacher(reference)`` returns the network after an earlier step (``"step 2"``; ``"step 0"``:
    before the first), or one of a file or a function, in evaluation mode. ``measure(module, x,
    labels)``: the measure of choices, 0..1, usually accuracy. ``luts(module)`` predicts the LUTs of
    a quantized network. ``notes``: messages of the step beside its figures. ``folder``: the folder
    of the recipe's relative paths.
    """

    module: nn.Module
    data: DataSplits
    folder: Path
    teacher: Callable[[str], nn.Module]
    masks: dict[str, Tensor] = field(default_factory=dict)
    shared: dict[str, Tensor] = field(default_factory=dict)
    spectra: dict[str, Tensor] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    report: Report = lambda _what, _done, _all: None
    keeper: Callable[[str], Keeper | None] = lambda _name: None
    measure: Measure = accuracy
    luts: Callable[[nn.Module], int] | None = None

    @property
    def example(self) -> Tensor:
        """A few inputs, for tracing."""
        return self.data.x_train[:2]

    def fit(
        self,
        training: Training,
        objective: Objective | None = None,
        *,
        name: str = "fit",
        before_step: Callable[[int, int], None] | None = None,
        after_step: Callable[[int, int], None] | None = None,
        masked: bool = True,
    ) -> None:
        """Train the module on the training split; weights outside `masks` stay zero.

        ``name``: of this training among those of the step, for its checkpoints. ``masked``: without
        it, weights outside the masks are trained too.
        """
        shared = {n: _Shared(weight_of(self.module, n), index) for n, index in self.shared.items()}
        shared |= {
            n: _SharedSpectrum(weight_of(self.module, n), index)
            for n, index in self.spectra.items()
        }

        def hold_all() -> None:
            if masked:
                self.apply_masks()
            for layer, each in shared.items():
                each.tie(self.masks.get(layer) if masked else None)

        def after(step: int, steps: int) -> None:
            hold_all()
            if after_step is not None:
                after_step(step, steps)

        loop = Loop(
            self.module, self.data.x_train, self.data.y_train, training, self.report, objective
        )
        loop.before_step, loop.after_step = before_step or loop.before_step, after
        loop.keeper, loop.masks = self.keeper(name), self.masks
        hold_all()
        hooks = [each.weight.register_hook(each.summed) for each in shared.values()]
        try:
            loop.run()
        finally:
            for hook in hooks:
                hook.remove()

    def apply_masks(self) -> None:
        """Set the weights outside `masks` to zero."""
        for name, mask in self.masks.items():
            hold(self.module.get_submodule(name), mask)

    def follow(self) -> None:
        """Have `masks`, `shared` and `spectra` follow layers that a step has cut or taken out."""
        with torch.no_grad():
            for held in (self.masks, self.shared):
                for name, tensor in list(held.items()):
                    weight = getattr(_part(self.module, name), "weight", None)
                    if not isinstance(weight, Tensor):
                        del held[name]
                    elif weight.shape != tensor.shape:
                        held[name] = weight != 0 if held is self.masks else index_of(weight)
            for name, index in list(self.spectra.items()):
                weight = getattr(_part(self.module, name), "weight", None)
                if name in self.masks or getattr(weight, "shape", None) != index.shape:
                    del self.spectra[name]

    def accuracy(self) -> float:
        """Return the measure on the validation split: the share that is decided rightly."""
        return self.measure(self.module, self.data.x_val, self.data.y_val)


def weight_of(module: nn.Module, name: str) -> Tensor:
    """Return the weight of the layer of that name."""
    weight = module.get_submodule(name).weight
    assert isinstance(weight, Tensor)
    return weight


def hold(layer: nn.Module, mask: Tensor) -> None:
    """Set a layer's weights outside a mask to zero, and its quantizer's if that knows no zero."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    with torch.no_grad():
        weight.mul_(mask.to(weight.device))
    quantizer = getattr(getattr(layer, "weight_quant", None), "tensor_quant", None)
    if isinstance(quantizer, Pruned):
        quantizer.mask.copy_(mask)


def index_of(weight: Tensor) -> Tensor:
    """Return which of its distinct values each weight is, -1 for zero."""
    values, index = weight.detach().unique(return_inverse=True)
    return torch.where(values[index] == 0, -1, index)


def spectrum(weight: Tensor, *, inverse: bool = False) -> Tensor:
    """Return the two-dimensional cosine transform (DCT-II, orthonormal) of each kernel, or back.

    ``weight``: ``[.., height, width]``.
    """
    for axis in (-2, -1):
        basis = cosines(weight.shape[axis]).to(weight)
        matrix = basis.T if inverse else basis
        weight = (weight.transpose(axis, -1) @ matrix.T).transpose(axis, -1)
    return weight


def cosines(n: int) -> Tensor:
    """Return the orthonormal matrix of the DCT-II, ``[frequency, place]``."""
    k, x = torch.arange(n, dtype=torch.double)[:, None], torch.arange(n, dtype=torch.double)
    rows = torch.cos(torch.pi / n * (x + 0.5) * k) * (2 / n) ** 0.5
    rows[0] /= 2**0.5
    return rows


class _Shared:
    """Weights of a layer of which several are one number."""

    def __init__(self, weight: Tensor, index: Tensor):
        self.weight, self.index = weight, index
        self.places = index.clamp(min=0).flatten()
        self.count = int(self.places.max()) + 1
        self._without(None)

    def _without(self, mask: Tensor | None) -> None:
        """Set weights to zero that a mask excludes."""
        self.mask = mask
        self.own = self.index < 0 if mask is None else (self.index < 0) | ~mask.bool()
        last = self.index.numel() - 1
        numbers = torch.arange(last + 1).masked_fill(self.own.flatten(), last)
        self.first = torch.full((self.count,), last)
        self.first.scatter_reduce_(0, self.places, numbers, "amin")

    def summed(self, gradient: Tensor) -> Tensor:
        """Return the sum of the gradients of all that are one number, for each of them."""
        own, places = self.own.to(gradient.device), self.places.to(gradient.device)
        each = gradient.masked_fill(own, 0).flatten()
        sums = gradient.new_zeros(self.count).index_add_(0, places, each)
        return torch.where(own, gradient, sums[places].view(gradient.shape))

    def tie(self, mask: Tensor | None) -> None:
        """Set all that are one number to the first of them; steps may differ in the last bit."""
        if mask is not self.mask:
            self._without(mask)
        with torch.no_grad():
            weight = self.weight.detach().cpu()
            tied = weight.flatten()[self.first][self.places].view(weight.shape)
            self.weight.copy_(torch.where(self.own, weight, tied))


def _part(module: nn.Module, name: str) -> nn.Module | None:
    try:
        return module.get_submodule(name)
    except AttributeError:
        return None


@dataclass(frozen=True, kw_only=True)
class CompressionStep(ABC):
    """A step of a recipe; its fields are the keys of its table, except those of `Training`.

    ``training`` is the recipe's ``[training]``, overridden by the step's own table. A step does
    three things in order, so that a run can be resumed without keeping code in files: `choose`
    makes decisions that depend on weights and data, as plain values; `reshape` builds the network
    from these alone; `tune` sets weights. A checkpoint holds choices, weights and masks.
    """

    kind: ClassVar[str]
    training: Training

    def faults(self) -> list[str]:
        """Return the reasons why keys cannot be combined, all of them."""
        return []

    def choose(self, state: State) -> Choices:
        """Return the step's choices, from the network before it and the validation split."""
        return {}

    def reshape(self, module: nn.Module, choices: Choices, example: Tensor) -> nn.Module:
        """Return the network that the choices mean; it may be the same one, changed."""
        return module

    @abstractmethod
    def tune(self, state: State, choices: Choices) -> None:
        """Set the weights (and masks) of the reshaped network."""


STEPS: dict[str, type[CompressionStep]] = {}


S = TypeVar("S", bound=type[CompressionStep])


def step(kind: str) -> Callable[[S], S]:
    """Register a class as the steps of a ``kind``."""

    def register(cls: S) -> S:
        cls.kind = kind
        STEPS[kind] = cls
        return cls

    return register


def by_pattern(table: float | Mapping[str, float], name: str, default: float = 0.0) -> float:
    """Return a layer's number: the one for all, or that of the last pattern that matches."""
    if not isinstance(table, Mapping):
        return table
    matching = [value for pattern, value in table.items() if fnmatchcase(name, pattern)]
    return matching[-1] if matching else default


class _SharedSpectrum(_Shared):
    """Kernels of which several coefficients of their cosine transforms are one number.

    The transform is orthonormal, so the transformed gradient of the weights is the gradient of
    their coefficients.
    """

    def summed(self, gradient: Tensor) -> Tensor:
        return spectrum(super().summed(spectrum(gradient)), inverse=True)

    def tie(self, mask: Tensor | None) -> None:
        """Set all coefficients that are one number to the first of them."""
        with torch.no_grad():
            values = spectrum(self.weight.detach().cpu().double())
            tied = values.flatten()[self.first][self.places].view(values.shape)
            self.weight.copy_(spectrum(tied, inverse=True))
