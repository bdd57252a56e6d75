"""Converts input data to a design's integers: .npy files, arrays and named data sets.

The name ``random`` selects random inputs from the design's whole range.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import SpecError, StorageError
from ..exact import Real, floor
from ..ir import Graph
from ..ir.interface import to_edge
from ..real import at
from ..storage import open_file
from ..train.run_options import DATASETS, DRAWN
from .extras import Progress, extra, logged

RANDOM_ELEMENTS = 1 << 27
"""Largest number of elements of all random frames together (1 GiB)."""


MOST_WORDS = 100
"""Characters of numpy's reason that are shown: it may quote the file's whole header."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Frames for a design.

    ``x``: integers ``[N, *shape of the model's input]``; ``labels``: classes ``[N]``, if known.
    """

    x: np.ndarray
    labels: np.ndarray | None = None


def read_array(path: Path) -> np.ndarray:
    """Map the array of a ``.npy`` file into memory: integers or floats, never pickled objects."""
    try:
        open_file(path).close()  # whoever opens a pipe waits for it
        array = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # numpy evaluates the header, which may raise anything
        why = str(error)[:MOST_WORDS]
        raise StorageError(f"{path} must be a complete .npy array of numbers: {why}") from error
    if array.dtype.kind not in "iuf":
        raise SpecError(f"{path} must hold integers or floats, not {array.dtype}")
    if array.dtype.itemsize > 8:
        raise SpecError(f"{path} must hold numbers of at most 64 bits, not {array.dtype}")
    return array


def to_integers(graph: Graph, x: np.ndarray) -> np.ndarray:
    """Return integers ``[N, *graph.source.shape]``: floats are quantized, integers checked."""
    if x.dtype.kind == "f":
        return graph.source.quantize(x)
    graph.source.flatten(x)  # refuses a wrong shape, type or range
    return x


def samples(
    graph: Graph, data: str, count: int | None, seed: int, progress: Progress = logged
) -> Samples:
    """Return ``count`` frames (all, if None) of a data set, of a .npy file, or ``random``."""
    if count is not None and count < 1:
        raise SpecError(f"samples must be at least 1, not {count}")
    if data == "random":
        return Samples(random_inputs(graph, 100 if count is None else count, seed))
    if data not in (*DATASETS, *DRAWN):
        if not data.endswith(".npy"):
            known = ", ".join((*DATASETS, *DRAWN, "random"))
            raise SpecError(f"data must be one of {known} or a .npy file, not {data!r}")
        x = read_array(Path(data))
        x = x if x.ndim == 0 else x[:count]
        return Samples(_some(to_integers(graph, x)))
    x, labels = _test_images(graph, data, progress)
    x = fit(np.asarray(x), graph, data)[:count]
    known = np.asarray(labels)[:count] if decides(graph) else None
    return Samples(_some(on_grid(graph, x)), known)


def _test_images(graph: Graph, data: str, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """Load a named data set's test images and classes, if they have the size of the model's."""
    with extra("train", f"the data set {data}"):
        from ..train import datasets, generated
    if data in DRAWN:
        return generated.load(data, "test")
    _same_size(math.prod(datasets.shape(data)), graph, data)  # before anything is fetched
    return datasets.load(data, "test", progress=progress)


def chosen_samples(
    graph: Graph, data: str | np.ndarray, count: int | None, seed: int, progress: Progress
) -> Samples:
    """Return `samples`, or the first ``count`` frames of an array."""
    if isinstance(data, np.ndarray):
        return Samples(to_integers(graph, data[:count]))
    return samples(graph, data, count, seed, progress)


def decides(graph: Graph) -> bool:
    """Return whether the output is one vector, whose maximum is a class; images have many."""
    return not graph.sink.segments and sum(n > 1 for n in graph.sink.shape) <= 1


def fit(x: np.ndarray, graph: Graph, what: str) -> np.ndarray:
    """Reshape frames of a data set to the model's input."""
    _same_size(x[0].size, graph, what)
    if graph.source.channel_last:
        x = np.moveaxis(x, 1, -1)
    return x.reshape(-1, *graph.source.shape)


def _same_size(values: int, graph: Graph, what: str) -> None:
    takes = graph.source.tensor.size
    if values != takes:
        raise SpecError(f"{what} has {values} values per sample, but the model takes {takes}")


def on_grid(graph: Graph, x: np.ndarray) -> np.ndarray:
    """Convert floats of a data set to integers; for a raw input they must be on its grid."""
    source = graph.source
    if source.quantizer is not None or source.raw_scale is None:
        return to_integers(graph, x)
    source.check_shape(x)
    edge = to_edge(x, source.tensor, channel_last=source.channel_last)
    scales, offsets = source.raw_meaning
    raw = np.empty(edge.shape, np.int64)
    n = max(len(scales), len(offsets))
    for c in range(n):
        here = np.s_[..., c] if n > 1 else np.s_[...]
        raw[here] = _raw(edge[here], at(scales, c), at(offsets, c))
    return to_integers(graph, source.restore(raw))


def _raw(x: np.ndarray, scale: Real, offset: Real) -> np.ndarray:
    """Return the integers of floats that must all be on a grid."""
    values, where = np.unique(x, return_inverse=True)
    raw = [floor((Fraction(float(v)) - offset) / scale + Fraction(1, 2)) for v in values]
    near = [x.dtype.type(float(r * scale + offset)) for r in raw]
    if any(v != w for v, w in zip(near, values, strict=True)):
        shift = f" plus {offset}" if offset else ""
        raise SpecError(
            f"the data must be multiples of the input scale {scale}{shift}, and are not"
        )
    return np.array(raw, np.int64)[where].reshape(x.shape)


def random_inputs(graph: Graph, count: int, seed: int) -> np.ndarray:
    """Return the lowest frame, the highest, then random ones, as integers of the input's type."""
    type_, shape = graph.source.tensor.type, graph.source.shape
    if count * math.prod(shape) > RANDOM_ELEMENTS:
        raise SpecError(
            f"random samples must have at most {RANDOM_ELEMENTS} elements together:"
            f" {RANDOM_ELEMENTS // math.prod(shape)} samples, not {count}"
        )
    codes = np.random.default_rng(seed).integers(0, type_.n_values, (count, *shape))
    codes[0] = 0
    codes[1:2] = type_.n_values - 1
    return type_.values()[codes]


def _some(x: np.ndarray) -> np.ndarray:
    if len(x) == 0:
        raise SpecError("the data must hold at least one sample, not 0")
    return x
