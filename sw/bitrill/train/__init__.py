"""Trains recipes with Brevitas, and exports Brevitas modules to QONNX.

This is the only room that uses torch, and it imports torch only when a function is called.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SpecError, ToolError
from . import lut_recipe, precise_recipe
from .lut_recipe import LUTNET, LutOptions
from .precise_recipe import PRECISION, PrecisionOptions
from .recipes import ACTS, RECIPES, WEIGHTS, WIDTHS, Options

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .datasets import FetchProgress
    from .oracle import Comparison
    from .recipe_runs import Progress, TrainedNetwork

__all__ = [
    "ACTS",
    "RECIPES",
    "WEIGHTS",
    "WIDTHS",
    "LutOptions",
    "Options",
    "PrecisionOptions",
    "export",
    "train",
]


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
    budget: int | None = None,
    progress: Progress | None = None,
    fetching: FetchProgress | None = None,
) -> TrainedNetwork:
    """Train a recipe; write ``model.onnx``, ``metrics.json`` and ``checkpoint.pt``.

    The arguments up to ``seed``, and ``mean`` to ``prune``, are those of `Options`, which describes
    the recipes. The recipe ``lutnet``, tables instead of a matrix, takes those of `LutOptions`:
    ``budget``, ``dataset``, ``epochs`` and ``seed``; ``precision``, matrices of learned widths,
    those of `PrecisionOptions`. The network of the last epoch is returned (for ``precision`` the
    best one within its budget, by training images held back): test images only measure, they do not
    select.

    With ``out`` a checkpoint is written after each epoch, completely or not at all. ``resume``
    continues from it, if there is one, with the same result as an uninterrupted run; a finished run
    is not trained again. The export is compared with torch (see `export`). Without ``out`` nothing
    is written. ``progress(epoch, epochs, batch, batches, loss, accuracy)`` is called after every
    batch, counted from 1; accuracy is the last one measured, or None. ``fetching(file, received,
    total)`` is called while a missing data set is downloaded (see `datasets`).

    Raises `SpecError` (wrong options, all at once; a checkpoint of another run), `StorageError` (a
    damaged checkpoint, a folder that cannot be written), `ToolError` (a package is missing, the
    loss diverged), `MismatchError` (an export that differs from torch).
    """
    folder = None if out is None else Path(out)
    matrices = {
        "weights": weights,
        "acts": acts,
        "mean": mean,
        "std": std,
        "width": width,
        "prune": prune,
    }
    common = {"dataset": dataset, "epochs": epochs, "seed": seed}
    module, options = _choice(recipe, budget, matrices, common)
    return _submodule(module).run(options, folder, resume, progress, fetching)


def _choice(
    recipe: str, budget: int | None, matrices: Mapping[str, Any], common: Mapping[str, Any]
) -> tuple[str, Options | LutOptions | PrecisionOptions]:
    """Return the module that trains a recipe, and its options.

    ``matrices``: options of networks of matrices; ``common``: options of every recipe. Raises
    `SpecError` if an option is given that the recipe does not have.
    """
    if recipe == LUTNET:
        _refuse(matrices, f"must not be given for {LUTNET}, which has tables of bits")
        given = lut_recipe.BUDGET if budget is None else budget
        return "lut_training", LutOptions(budget=given, **common)
    if recipe == PRECISION:
        _refuse(matrices, f"must not be given for {PRECISION}, which learns its widths")
        given = precise_recipe.BUDGET if budget is None else budget
        return "precise_training", PrecisionOptions(budget=given, **common)
    why = f"must not be given for {recipe}, but for {LUTNET} and {PRECISION} alone"
    _refuse({"budget": budget}, why)
    return "training_loop", Options(recipe=recipe, **common, **matrices)


def _refuse(given: Mapping[str, object], why: str) -> None:
    """Raise `SpecError` if any of these options is given."""
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise SpecError(f"{' and '.join(names)} {why}")


def export(
    module: nn.Module, example_input: Tensor, path: Path | str, *, dynamo: bool = False
) -> Comparison:
    """Export a Brevitas module to QONNX and compare it with torch: `qonnx_export.export`."""
    return _submodule("qonnx_export").export(module, example_input, path, dynamo=dynamo)


def _submodule(name: str) -> Any:
    """Import a module that needs torch; a `ToolError` names what is missing and how to get it."""
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
