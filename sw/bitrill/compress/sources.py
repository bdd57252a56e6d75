"""Sources of a recipe's network and images: names, files, functions of the user's."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import SpecError, StorageError, meant
from ..train import datasets, features, generated
from ..train.features import FEATURES
from ..train.generated import GENERATED
from ..train.run_options import DATASETS
from . import topologies
from .keys import number, one_of

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Table ``[data]``: a named data set, or four ``.npy`` files in the recipe's folder.

    ``x_*``: floats ``[N, *shape]``; ``y_*``: classes, integers ``[N]``. ``validation``: share of
    the training images on which choices are made; they are drawn by ``seed`` and never trained on.
    ``limit``: largest number of training images that are used. ``folds``: number of chains that are
    run, each with another part of the training images for validation, with mean figures (for data
    sets so small that a single part is not representative).
    """

    name: str | None = None
    x_train: str | None = None
    y_train: str | None = None
    x_test: str | None = None
    y_test: str | None = None
    validation: float = number(0.1, low=0, high=0.9)
    limit: int | None = number(None, low=2, high=1 << 40)
    seed: int = number(0, low=0, high=1 << 62)
    folds: int | None = number(None, low=2, high=100)
    fold: int = number(1, low=1, high=100)

    def __post_init__(self) -> None:
        files = [key for key in ARRAYS if getattr(self, key) is not None]
        if self.name is not None:
            one_of(self.name, (*DATASETS, *GENERATED, *FEATURES), "name")
        if bool(files) is (self.name is not None) or (files and len(files) < len(ARRAYS)):
            raise SpecError(f"either name or all of {', '.join(ARRAYS)} must be given")

    def load(self, folder: Path) -> DataSplits:
        """Read the arrays; raises `SpecError` for wrong shapes and values, all at once."""
        if self.name is not None:
            load = _loader(self.name)
            arrays = [*load(self.name, "train"), *load(self.name, "test")]
        else:
            arrays = [_array(folder / getattr(self, key)) for key in ARRAYS]
        names = [self.name] * 4 if self.name else [getattr(self, key) for key in ARRAYS]
        _check_arrays(arrays, [str(name) for name in names])
        x, y, x_test, y_test = (torch.from_numpy(np.ascontiguousarray(a)) for a in arrays)
        return self._split(x.float(), y.long(), x_test.float(), y_test.long())

    def _held(self, order: Tensor) -> tuple[Tensor, Tensor]:
        """Return the indices that are held back for validation, and those that are trained on."""
        if self.folds is None:
            kept = int(len(order) * self.validation)
            return order[:kept], order[kept:][: self.limit]
        parts = list(order.tensor_split(self.folds))
        held = parts.pop(self.fold - 1)
        return held, torch.cat(parts)[: self.limit]

    def _split(self, x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor) -> DataSplits:
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(self.seed))
        held, used = self._held(order)
        kept = len(held)
        if not kept and (self.validation or self.folds):
            raise SpecError(f"validation must keep at least one of {len(x)} training images")
        x_val, y_val = (x[held], y[held]) if kept else (x[used], y[used])
        return DataSplits(x[used], y[used], x_val, y_val, x_test, y_test)


@dataclass(frozen=True)
class DataSplits:
    """Inputs and classes of the three splits: for training, for choices, for the report."""

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    x_test: Tensor
    y_test: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.x_train.shape[1:])

    @property
    def classes(self) -> int:
        """Number of classes: one more than the largest label."""
        return 1 + max(int(y.max()) for y in (self.y_train, self.y_val, self.y_test))


def _loader(name: str) -> Callable[[str, datasets.Split], tuple[np.ndarray, np.ndarray]]:
    """Return the loader of a set of this name."""
    if name in FEATURES:
        return features.load
    return generated.load if name in GENERATED else datasets.load


def _array(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StorageError(f"cannot read the array {path}: {reason}") from error


def _check_arrays(arrays: list[np.ndarray], names: list[str]) -> None:
    faults: list[str] = []
    for k in (0, 2):
        (x, y), (name_x, name_y) = arrays[k : k + 2], names[k : k + 2]
        if x.ndim < 2 or x.dtype.kind not in "fiub" or not x.size:
            faults.append(f"{name_x} must hold numbers [N, *shape], not {_told(x)}")
        elif not np.isfinite(x).all():
            faults.append(f"{name_x} must hold finite numbers, but holds NaN or infinity")
        if y.ndim != 1 or y.dtype.kind not in "iu" or len(y) != len(x):
            faults.append(f"{name_y} must hold {len(x)} classes, integers [N], not {_told(y)}")
        elif y.min() < 0:
            faults.append(f"{name_y} must hold classes of 0 or more, not {y.min()}")
    if not faults and arrays[0].shape[1:] != arrays[2].shape[1:]:
        faults.append(
            f"{names[2]} must hold inputs of shape {list(arrays[0].shape[1:])} like {names[0]},"
            f" not {list(arrays[2].shape[1:])}"
        )
    if faults:
        raise SpecError("; ".join(faults), faults=faults)


def _told(a: np.ndarray) -> str:
    return f"{a.dtype} {list(a.shape)}"


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """Table ``[model]``: ``recipe``, a float topology of Bitrill's; or ``module``.

    ``module``: ``"net.py:make"``, in the recipe's folder, or ``"package.module:function"``, which
    returns an ``nn.Module`` when called with ``arguments``, by name. ``width``: of a topology.
    """

    recipe: str | None = None
    module: str | None = None
    arguments: dict[str, bool | int | float | str] = field(default_factory=dict)
    width: int | None = number(None, low=1, high=4096)

    def __post_init__(self) -> None:
        if (self.recipe is None) is (self.module is None):
            raise SpecError("either recipe or module must be given")
        if self.module is not None and self.width is not None:
            raise SpecError("width must not be given with module, which makes its own layers")
        if self.recipe is not None and self.arguments:
            raise SpecError("arguments must not be given with recipe, which has width alone")

    def make(self, folder: Path, data: DataSplits) -> nn.Module:
        """Make the network; torch's random numbers are its weights."""
        if self.module is not None:
            return made_by(self.module, folder, self.arguments)
        return topologies.make(str(self.recipe), data.shape, data.classes, self.width)


def made_by(
    reference: str, folder: Path, arguments: Mapping[str, bool | int | float | str] | None = None
) -> nn.Module:
    """Call the function that ``"net.py:make"`` or ``"package.module:function"`` names."""
    function = _function(reference, folder)
    given = arguments or {}
    _require_taken(function, reference, given)
    try:
        module = function(**given)
    except Exception as error:  # the user's code raises what it likes
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SpecError(f"{reference} failed: {type(error).__name__}: {reason}") from error
    if not isinstance(module, nn.Module):
        raise SpecError(f"{reference} must give an nn.Module, not {type(module).__name__}")
    return module


def _require_taken(function: Callable[..., object], reference: str, names: Iterable[str]) -> None:
    """Raise `SpecError` for arguments that a function does not take."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of a built-in function
        return
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    faults = [
        f"{reference} takes no argument {name!r}{meant(name, list(parameters))}"
        f" (its arguments: {', '.join(parameters) or 'none'})"
        for name in names
        if name not in parameters
    ]
    if faults:
        raise SpecError("; ".join(faults), faults=faults)


def _function(reference: str, folder: Path) -> Callable[..., object]:
    place, _, name = reference.rpartition(":")
    if not place or not name.isidentifier():
        raise SpecError(f"module must be net.py:make or package.module:make, not {reference!r}")
    try:
        source = (
            _file_module(folder / place)
            if place.endswith(".py")
            else importlib.import_module(place)
        )
    except StorageError:
        raise
    except Exception as error:  # of the user's file
        raise SpecError(
            f"{reference} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    function = getattr(source, name, None)
    if not callable(function):
        raise SpecError(f"{place} must have a function {name}")
    return function


def _file_module(path: Path) -> object:
    """Import a file by its path; files beside it can be imported by it."""
    if not path.is_file():
        raise StorageError(f"cannot read {path}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"_recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise SpecError(f"{path} must be a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    beside = str(path.parent.resolve())
    sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(beside)
    return module
