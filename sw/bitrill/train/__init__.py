"""Training with Brevitas, and export to QONNX; torch exists only here, and only once it is used."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ToolError
from .recipes import ACTS, RECIPES, WEIGHTS, WIDTHS, Options

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .datasets import FetchProgress
    from .loop import Progress, Result
    from .oracle import Report

__all__ = ["ACTS", "RECIPES", "WEIGHTS", "WIDTHS", "Options", "export", "train"]


def train(
    recipe: str,
    *,
    weights: str | None = None,
    acts: int | str | None = None,
    dataset: str = "digits",
    epochs: int | None = None,
    seed: int = 0,
    out: Path | str | None = None,
    resume: bool = False,
    mean: float | None = None,
    std: float | None = None,
    width: int | None = None,
    prune: float | None = None,
    progress: Progress | None = None,
    fetching: FetchProgress | None = None,
) -> Result:
    """Train a recipe with Brevitas and leave ``model.onnx``, ``metrics.json``, ``checkpoint.pt``.

    Recipes ``tfc``, ``sfc``, ``lfc``: ``in-H-H-H-10``, H = 64, 256, 1024, with batch norm and
    quantized activations as in FINN's examples (Umuroglu et al. 2017). Convolutional recipes
    ``lenet``, ``cnv``, ``resnet8``, ``mobilenet``, ``unet-tiny``, ``dilated1d``: see
    `convolutional`; ``width`` channels in the first layer; ``unet-tiny`` tells ink from paper in
    noisy images, and its accuracy counts pixels. Activations of ``acts`` (1, 2, 4, 8) bits, and so
    the input of dense recipes (else 8 bits), or ``"log3"``: 0 and powers of two (`logquant`; the
    input has 8 bits). Weights by default binary and activations of 1 bit, int4 and 4 for
    convolutional recipes but ``cnv``. ``weights``, beside binary, ternary, int4 and int8: ``pot``,
    ``pot2``, ``pot3`` sums of one to three powers of two (`pot`), ``codebook2`` .. ``codebook16``
    so many shared values (`codebooks`), ``ttq`` ternary of two scales (`ttq`), ``fgq`` ternary of a
    scale for each 16 inputs (`fgq`), ``adder`` distances instead of products (`adder`). adder and
    log3 are for dense recipes. ``prune``: share of each layer's weights that become zero, by
    magnitude (`prune`). The network takes x in 0..1 in the data
    set's shape and computes ``(x - mean) / std`` itself, ``2x - 1`` unless told otherwise.
    Adam at 0.02 with a cosine schedule, squared hinge, weights clamped to -1..1. The last epoch is
    kept: test images choose nothing, they only measure.

    With ``out`` a checkpoint is written after each epoch, whole or not at all; ``resume`` goes on
    from it where there is one, with the same result as a run without a break, and a finished run
    is not trained again. The export is compared with torch (see `export`). Without ``out`` nothing
    is written. ``progress(epoch, epochs, batch, batches, loss, accuracy)`` is called after every
    batch, counted from 1; accuracy is the last one measured, or None. ``fetching(file, received,
    total)`` is called while a data set that is missing is fetched (see `datasets`).

    Raises `SpecError` (options, all reasons at once; a checkpoint of another run), `StorageError`
    (a damaged checkpoint, a folder that cannot be written), `ToolError` (a package is missing,
    the loss diverged), `MismatchError` (an export that differs from torch).
    """
    options = Options(
        recipe=recipe,
        weights=weights,
        acts=acts,
        dataset=dataset,
        epochs=epochs,
        seed=seed,
        mean=mean,
        std=std,
        width=width,
        prune=prune,
    )
    loop = _submodule("loop")
    return loop.run(options, None if out is None else Path(out), resume, progress, fetching)


def export(
    module: nn.Module, example_input: Tensor, path: Path | str, *, dynamo: bool = False
) -> Report:
    """Export a Brevitas module to QONNX and compare it with torch: `qonnx_export.export`."""
    return _submodule("qonnx_export").export(module, example_input, path, dynamo=dynamo)


def _submodule(name: str) -> Any:
    """Import what needs torch, or say how to get it."""
    from importlib import import_module

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Brevitas tells of optional kernels
            return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("bitrill"):
            raise
        raise ToolError(
            f"training needs {error.name}: pip install 'bitrill[train]'", missing=True
        ) from error
