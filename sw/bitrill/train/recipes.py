"""Recipes: the networks that `bitrill.train.train` can train, and their options.

This module needs no torch, so that the command line can list and check options quickly.
"""

from dataclasses import dataclass

from .run_options import RunOptions, is_finite, is_int, refuse_faults

WIDTHS = {"tfc": 64, "sfc": 256, "lfc": 1024}
"""Neurons of each of the three hidden layers, by recipe (FINN's TFC, SFC, LFC)."""

CHANNELS = {"lenet": 6, "cnv": 64, "resnet8": 16, "mobilenet": 8, "unet-tiny": 8, "dilated1d": 16}
"""Channels of the first layer, by convolutional recipe; `convolutional` has the layers."""

PLAIN = ("lenet", "cnv")
"""Convolutional recipes whose layers follow one another, with stride 1."""

RECIPES = (*WIDTHS, *CHANNELS)
"""Names of all recipes."""

SEGMENTING = ("unet-tiny",)
"""Segmentation recipes: they decide which pixels of a noisy image are ink, not which digit."""

SEQUENTIAL = ("dilated1d",)
"""Recipes that take an image's pixels one after another, ``[N, 1, H * W]``."""

MOST_ENTRIES = 16
"""Number of values in the largest codebook."""

WEIGHTS = (
    "binary",
    "ternary",
    "int4",
    "int8",
    "pot",
    "pot2",
    "pot3",
    "ttq",
    "fgq",
    "adder",
    *(f"codebook{n}" for n in range(2, MOST_ENTRIES + 1)),
)
"""Codings of weights; `Options` describes them."""

LOG = "log3"
"""Logarithmic activations of 3 bits."""

ACTS = (1, 2, 4, 8, LOG)
"""Codings of activations: bits, or logarithmic."""

MOST_PRUNED = 0.95
"""Largest share of weights that may be pruned."""

_SMALL = {"cnv": 16, "resnet8": 8}
"""Channels of the first layer for images of 8x8."""

_MOST_CHANNELS = 1024
_CONVOLUTIONAL_EPOCHS = 10
_EPOCHS = {"digits": 40, "mnist": 15, "fashion": 15, "cifar10": 15}
_BATCH = {"digits": 64, "mnist": 100, "fashion": 100, "cifar10": 100}


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """Options of a training run: equal options give equal networks (same machine, versions).

    - ``recipe``: ``tfc``, ``sfc``, ``lfc`` are dense, ``in-H-H-H-10`` with H = 64, 256, 1024, batch
      norm and quantized activations, as in FINN's examples (Umuroglu et al. 2017). ``lenet``,
      ``cnv``, ``resnet8``, ``mobilenet``, ``unet-tiny`` and ``dilated1d`` are convolutional (see
      `convolutional`). ``unet-tiny`` separates ink from paper in noisy images, and its accuracy
      counts pixels.
    - ``weights``: ``binary``, ``ternary``, ``int4``, ``int8``; ``pot``, ``pot2``, ``pot3``: sums of
      one to three powers of two; ``codebook2`` .. ``codebook16``: 2 to 16 shared values; ``ttq``:
      ternary with two scales; ``fgq``: ternary with a scale for each 16 inputs (`grid_weights` has
      these); ``adder``: distances instead of products, for dense recipes, lenet and cnv (`adder`).
    - ``acts``: bits of an activation (1, 2, 4, 8), or ``log3``: 0 and powers of two, for dense
      recipes (`logquant`). The input has the same number of bits; in convolutional recipes and with
      ``log3`` it has 8.
    - ``mean``, ``std``: the network takes x in 0..1 in the data set's shape and computes
      ``(x - mean) / std`` itself, ``2x - 1`` by default.
    - ``width``: channels of the first layer of a convolutional recipe, as published by default,
      fewer for digits.
    - ``prune``: share of each layer's weights that become zero, by magnitude (`magnitude_pruning`).

    Weights are binary and activations of 1 bit by default; int4 and 4 bits in convolutional recipes
    other than ``cnv``. Training uses Adam at 0.02 with a cosine schedule and squared hinge loss;
    weights are clamped to -1..1. Raises a `SpecError` that lists everything that is wrong.
    """

    weights: str | None = None
    acts: int | str | None = None
    mean: float | None = None
    std: float | None = None
    width: int | None = None
    prune: float | None = None

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        deep = self.recipe in tuple(CHANNELS) and self.recipe != "cnv"
        if self.weights is None:
            set_(self, "weights", "int4" if deep else "binary")
        if self.acts is None:
            set_(self, "acts", 4 if deep else 1)
        faults = [
            f"{name} must be one of {', '.join(map(str, known))}, not {value!r}"
            for name, value, known in (
                ("recipe", self.recipe, RECIPES),
                ("weights", self.weights, WEIGHTS),
                ("acts", self.acts, ACTS),
            )
            if value not in known or isinstance(value, bool)
        ]
        faults += self._run_faults()
        if self.mean is not None and not is_finite(self.mean):
            faults.append(f"mean must be a finite number, not {self.mean!r}")
        if self.std is not None and not (is_finite(self.std) and self.std >= 1e-6):
            faults.append(f"std must be a finite number of 1e-6 or more, not {self.std!r}")
        faults += self._width_faults() + self._coding_faults()
        if self.recipe in SEGMENTING and self.dataset == "cifar10":
            faults.append(f"dataset must be one of grey images for {self.recipe}, not cifar10")
        refuse_faults(faults)
        set_(self, "epochs", self.n_epochs)
        set_(self, "prune", float(self.prune) if self.prune else None)
        if self.recipe in CHANNELS:
            set_(self, "width", self.channels)
        for name, value in zip(("mean", "std"), self.normalization, strict=True):
            set_(self, name, value)

    def _width_faults(self) -> list[str]:
        if self.width is None:
            return []
        if self.recipe not in tuple(CHANNELS):
            return [f"width must not be given for {self.recipe}, whose layers are of fixed size"]
        if is_int(self.width) and 1 <= self.width <= _MOST_CHANNELS:
            return []
        return [f"width must be an integer from 1 to {_MOST_CHANNELS}, not {self.width!r}"]

    def _coding_faults(self) -> list[str]:
        """List the faults of codings that the recipe does not have, and of pruning."""
        faults: list[str] = []
        if self.recipe in tuple(CHANNELS):
            if self.distances and self.recipe not in PLAIN:
                faults.append(
                    f"weights must not be adder for {self.recipe}: dense layers, lenet and cnv only"
                )
            if self.acts == LOG:
                faults.append(f"acts must not be {LOG} for {self.recipe}: dense layers only")
        if self.distances and self.acts == LOG:
            faults.append(f"acts must not be {LOG} with adder, whose weights share a linear scale")
        if self.prune is None:
            return faults
        if not (is_finite(self.prune) and 0 <= self.prune <= MOST_PRUNED):
            return [*faults, f"prune must be a number from 0 to {MOST_PRUNED}, not {self.prune!r}"]
        if self.prune and self.weights in ("adder", f"codebook{MOST_ENTRIES}"):
            why = (
                "zeros save nothing" if self.weights == "adder" else "zero would be one value more"
            )
            faults.append(f"prune must not be given with {self.weights}: {why}")
        return faults

    @property
    def logarithmic(self) -> bool:
        """Whether activations are powers of two."""
        return self.acts == LOG

    @property
    def distances(self) -> bool:
        """Whether layers compute distances instead of products."""
        return self.weights == "adder"

    @property
    def channels(self) -> int:
        """Channels of the first layer of a convolutional recipe."""
        small = _SMALL if self.dataset == "digits" else {}
        return self.width or small.get(self.recipe, CHANNELS[self.recipe])

    @property
    def n_acts(self) -> int:
        """Bits of an activation."""
        return int(str(self.acts or 1).removeprefix("log"))

    @property
    def segments(self) -> bool:
        """Whether the network decides on each pixel."""
        return self.recipe in SEGMENTING

    @property
    def sequential(self) -> bool:
        """Whether the network takes a sequence."""
        return self.recipe in SEQUENTIAL

    @property
    def hidden(self) -> int:
        """Neurons of each hidden layer."""
        return WIDTHS[self.recipe]

    @property
    def n_epochs(self) -> int:
        """Epochs, by default those of the data set."""
        default = _CONVOLUTIONAL_EPOCHS if self.recipe in CHANNELS else _EPOCHS[self.dataset]
        return self.epochs or default

    @property
    def normalization(self) -> tuple[float, float]:
        """``(mean, std)``."""
        mean, std = (0.5 if v is None else float(v) for v in (self.mean, self.std))
        return mean, std

    @property
    def batch(self) -> int:
        """Images a step of the optimizer."""
        return _BATCH[self.dataset]

    @property
    def name(self) -> str:
        """Name of the run, like ``tfc_w1a1_digits`` or ``tfc_pot_log3_digits``."""
        bits = {"binary": 1, "ternary": 2, "int4": 4, "int8": 8}.get(self.weights or "binary")
        short = bits is not None and not self.logarithmic
        acts = self.acts if self.logarithmic else f"a{self.acts}"
        parts = [self.recipe, f"w{bits}{acts}"] if short else [self.recipe, self.weights, acts]
        parts += [f"p{100 * self.prune:g}"] if self.prune else []
        return "_".join(map(str, [*parts, self.dataset]))


def split(weights: str) -> tuple[str, int]:
    """Split ``pot2`` into ``("pot", 2)``; without a number it is 1."""
    family = weights.rstrip("0123456789")
    return family, int(weights.removeprefix(family) or 1)
