"""Training of recipes with Brevitas, and export of Brevitas modules to QONNX.

This is the only room that uses torch, and it imports torch only when a function is called.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ToolError
from .recipes import ACTS, RECIPES, WEIGHTS, WIDTHS, Options

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .datasets import FetchProgress
    from .oracle import Comparison
    from .training_loop import Progress, TrainedNetwork

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
) -> TrainedNetwork:
    """Train a recipe with Brevitas; write ``model.onnx``, ``metrics.json`` and ``checkpoint.pt``.

    The arguments up to ``seed``, and ``mean`` to ``prune``, are those of `Options`, which describes
    the recipes. The last epoch is kept: test images choose nothing, they only measure.

    With ``out`` a checkpoint is written after each epoch, whole or not at all. ``resume`` goes on
    from it where there is one, with the same result as a run without a break; a finished run is not
    trained again. The export is compared with torch (see `export`). Without ``out`` nothing is
    written. ``progress(epoch, epochs, batch, batches, loss, accuracy)`` is called after every
    batch, counted from 1; accuracy is the last one measured, or None. ``fetching(file, received,
    total)`` is called while a missing data set is fetched (see `datasets`).

    Raises `SpecError` (wrong options, all at once; a checkpoint of another run), `StorageError` (a
    damaged checkpoint, a folder that cannot be written), `ToolError` (a package is missing, the
    loss diverged), `MismatchError` (an export that differs from torch).
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
    folder = None if out is None else Path(out)
    return _submodule("training_loop").run(options, folder, resume, progress, fetching)


def export(
    module: nn.Module, example_input: Tensor, path: Path | str, *, dynamo: bool = False
) -> Comparison:
    """Export a Brevitas module to QONNX and compare it with torch: `qonnx_export.export`."""
    return _submodule("qonnx_export").export(module, example_input, path, dynamo=dynamo)


def _submodule(name: str) -> Any:
    """Import a module that needs torch; `ToolError` names what is missing and how to get it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Brevitas warns of optional kernels
            return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("bitrill"):
            raise
        raise ToolError(
            f"training needs {error.name}: pip install 'bitrill[train]'", missing=True
        ) from error
