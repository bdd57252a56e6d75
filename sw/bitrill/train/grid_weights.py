"""Weight quantizers that Brevitas lacks (powers of two, codebooks, TTQ, FGQ), and their base class.

A layer has latent real weights in -1..1; a `GridQuant` maps each to an integer times a fixed scale.
Gradients pass rounding unchanged (straight-through estimator, Bengio et al. 2013).
"""

from itertools import product

import torch
from brevitas.quant.solver import WeightQuantSolver
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction, FunctionCtx

from .brevitas_quantizers import Fixed

BYTE = 127
"""Largest integer of the signed narrow 8-bit grid."""


class _Straight(torch.autograd.Function):
    """Returns the second tensor forward, and passes its gradient to the first backward."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, y: Tensor) -> Tensor:
        return y.clone()

    @staticmethod
    def backward(ctx: BackwardCFunction, *given: Tensor) -> tuple[Tensor, None]:
        return given[0], None


def straight(x: Tensor, y: Tensor) -> Tensor:
    """Return ``y``, of x's shape; its gradient goes to ``x`` unchanged."""
    return _Straight.apply(x, y)  # pyright: ignore[reportReturnType]


class GridQuant(nn.Module):
    """Weight quantizer with values ``q / top``, for integers q of magnitude at most ``top``.

    Brevitas calls it with the latent weights; it returns values, scale, zero point and bit width.
    """

    scale: Tensor
    zero_point: Tensor
    bit_width: Tensor
    stored: int | None = None
    """Bits that store a weight, if different from the bits of the integers."""

    def __init__(self, top: int):
        super().__init__()
        bits = top.bit_length() + 1
        for name, value in (("scale", 1 / top), ("zero_point", 0.0), ("bit_width", float(bits))):
            self.register_buffer(name, torch.tensor(value), persistent=False)
        self.top = top

    @property
    def stored_bits(self) -> int:
        """Bits that store one weight; those of an index, if there are few values."""
        return self.stored or int(self.bit_width)

    def integers(self, x: Tensor) -> Tensor:
        """Return the integers of latent weights as floats, with gradients of about ``top``."""
        raise NotImplementedError

    def clamp_(self) -> None:
        """Clamp trained scales to their range; called after each step of the optimizer."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.integers(x) * self.scale, self.scale, self.zero_point, self.bit_width


class Scheduled(nn.Module):
    """Base class of quantizers that change while a network trains."""

    def step(self, done: float) -> None:
        """Adapt to the share of the training that is done, 0..1; called before each step."""
        raise NotImplementedError


def advance(module: nn.Module, done: float) -> None:
    """Pass the share of the training that is done to every `Scheduled` quantizer in a module."""
    for part in module.modules():
        if isinstance(part, Scheduled):
            part.step(done)


class GridWeight(Fixed, WeightQuantSolver):
    """Base of ``weight_quant=`` classes; a subclass sets ``tensor_quant`` to its `GridQuant`."""

    scaling_const = 1.0
    bit_width = 8


def ternary(x: Tensor) -> Tensor:
    """Round to the nearest of -1, 0, +1, with a gradient of 1."""
    return straight(x, x.detach().clamp(-1, 1).round())


def byte(x: Tensor) -> Tensor:
    """Round reals in ``1/BYTE..1`` to integers ``1..BYTE``, with a gradient of `BYTE`."""
    scaled = x * BYTE
    return straight(scaled, scaled.detach().round().clamp(1, BYTE))


def clamp_scales(module: nn.Module) -> None:
    """Clamp the trained scales of every `GridQuant` in a module."""
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, GridQuant):
                part.clamp_()


LARGEST = 4
"""Largest magnitude of a term: terms are 0, +-1, +-2, +-4."""


def pot_values(terms: int) -> list[int]:
    """Return every sum of ``terms`` terms out of 0, +-1, +-2, +-4, ascending."""
    powers = [2**k for k in range(LARGEST.bit_length())]
    term = [0, *powers, *(-p for p in powers)]
    return sorted({sum(chosen) for chosen in product(term, repeat=terms)})


class PotQuant(GridQuant):
    """Rounds to the nearest sum of ``terms`` terms, divided by the largest sum, ``4 * terms``.

    Products are then shifts and additions. One term: DeepShift (Elhoushi et al. 2019) and INQ (Zhou
    et al. 2017). Several: the codebooks of shifts in ShiftCNN (Gudovskiy and Rigazio 2017).
    """

    values: Tensor
    bounds: Tensor

    def __init__(self, terms: int):
        super().__init__(LARGEST * terms)
        values = torch.tensor(pot_values(terms), dtype=torch.float32)
        self.register_buffer("values", values, persistent=False)
        self.register_buffer("bounds", (values[1:] + values[:-1]) / 2, persistent=False)

    def integers(self, x: Tensor) -> Tensor:
        scaled = x * self.top
        return straight(scaled, self.values[torch.bucketize(scaled.detach(), self.bounds)])


class PotWeight(GridWeight):
    """Weights 0, +-1/4, +-1/2, +-1; ``weight_terms=n``: sums of n such terms, divided by n."""

    tensor_quant = PotQuant  # pyright: ignore[reportAssignmentType]
    terms = 1


FOLLOW = 0.05
"""Share of the distance to the mean of its weights that a centroid moves in each batch."""


class CodebookQuant(GridQuant):
    """Rounds to the nearest of ``entries`` centroids, which are integers ``-127..127`` over 127.

    Weights share a few values, which k-means chooses while the network trains (Han et al. 2016,
    Deep Compression). Centroids begin as k-means' optimum for weights drawn uniformly from -1..1.
    They need no gradients: a step of Lloyd's algorithm on each training batch makes them follow the
    weights.
    """

    centroids: Tensor

    def __init__(self, entries: int):
        super().__init__(BYTE)
        self.stored = (entries - 1).bit_length()
        places = (2 * torch.arange(entries) + 1) / entries - 1
        self.register_buffer("centroids", places)

    def integers(self, x: Tensor) -> Tensor:
        scaled = x * BYTE
        if self.training:
            self._follow(x.detach())
        grid = (self.centroids * BYTE).round()
        return straight(scaled, grid[_nearest(scaled.detach(), grid)])

    def _follow(self, x: Tensor) -> None:
        """Move each centroid towards the mean of its weights.

        Centroids stay ascending: the means are ascending too, and all move by the same share.
        """
        chosen, k = _nearest(x, self.centroids).flatten(), len(self.centroids)
        counts = torch.bincount(chosen, minlength=k)
        means = torch.bincount(chosen, x.flatten(), minlength=k) / counts.clamp(min=1)
        self.centroids.lerp_(torch.where(counts > 0, means, self.centroids), FOLLOW)


def _nearest(x: Tensor, ascending: Tensor) -> Tensor:
    return torch.bucketize(x, (ascending[1:] + ascending[:-1]) / 2)


class CodebookWeight(GridWeight):
    """Weights of at most 4 distinct values ``k/127`` a layer; ``weight_entries=n``: at most n."""

    tensor_quant = CodebookQuant  # pyright: ignore[reportAssignmentType]
    entries = 4


class TtqQuant(GridQuant):
    """Rounds to -n, 0, +p by the nearest of -1, 0, +1; n and p are ``1..127`` over 127.

    TTQ: ternary weights with two trained scales a layer (Zhu et al. 2017).

    Gradients as published: p gets the sum over positive weights, n over negative ones; a latent
    weight gets its value's gradient times p, n, or 1 where the weight is zero.
    """

    def __init__(self) -> None:
        super().__init__(BYTE)
        self.positive = nn.Parameter(torch.tensor(0.75))
        self.negative = nn.Parameter(torch.tensor(0.75))

    def integers(self, x: Tensor) -> Tensor:
        t = ternary(x)
        below = torch.where(t < 0, t * byte(self.negative), t * BYTE)
        return torch.where(t > 0, t * byte(self.positive), below)

    def clamp_(self) -> None:
        self.positive.clamp_(1 / BYTE, 1)
        self.negative.clamp_(1 / BYTE, 1)


class TtqWeight(GridWeight):
    """Weights -n/127, 0, +p/127, with one trained pair n and p a layer."""

    tensor_quant = TtqQuant  # pyright: ignore[reportAssignmentType]


GROUP = 16
"""Inputs in a group."""


class FgqQuant(GridQuant):
    """Rounds to -s, 0, +s with one s, ``1..127`` over 127, for each group of a row's inputs.

    FGQ (Mellempudi et al. 2017, "Ternary Neural Networks with Fine-Grained Quantization").

    The inputs of a convolution's row are its channels and taps, flattened. The last group may be
    smaller.
    """

    def __init__(self, tracked_parameter_list: list[Tensor], inputs_of_group: int):
        super().__init__(BYTE)
        (weight,) = tracked_parameter_list
        rows, inputs = weight.shape[0], weight[0].numel()
        self.inputs = inputs_of_group
        groups = -(-inputs // self.inputs)
        self.scales = nn.Parameter(torch.full((rows, groups), 0.5))

    def integers(self, x: Tensor) -> Tensor:
        rows = x.reshape(x.shape[0], -1)
        scales = byte(self.scales).repeat_interleave(self.inputs, 1)[:, : rows.shape[1]]
        return (ternary(rows) * scales).reshape(x.shape)

    def clamp_(self) -> None:
        self.scales.clamp_(1 / BYTE, 1)


class FgqWeight(GridWeight):
    """Weights -s/127, 0, +s/127, with an s trained for each 16 inputs of an output."""

    tensor_quant = FgqQuant  # pyright: ignore[reportAssignmentType]
    inputs_of_group = GROUP
