"""Records frames for the self-test: inputs, and the golden model's outputs.

``vectors.npz``: ``inputs``, integers ``[N, *shape of the model's input]``, and ``outputs``,
integers ``[N, *shape of its output]``, both in the narrowest type. The file of the same frames is
the same, byte for byte.
"""

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
from bitrill.errors import SpecError, StorageError
from bitrill.ir.graph import Graph
from bitrill.storage import read_bytes

NAME = "vectors.npz"
FRAMES = 1000
"""Number of frames that are recorded by default."""


def frames(graph: Graph, count: int, seed: int, given: np.ndarray | None = None) -> np.ndarray:
    """Return ``count`` frames ``[N, *shape]``: those ``given``, then corner cases, then noise.

    Corner cases: all values lowest, all highest, and both alternating, starting with either.
    """
    if count < 1:
        raise SpecError(f"samples must be at least 1, not {count}")
    source = graph.source
    values, size = source.tensor.type.values(), source.tensor.size
    alternating = np.arange(size) % 2
    ends = np.array([0 * alternating, 0 * alternating + 1, alternating, 1 - alternating])
    noise = np.random.default_rng(seed).integers(0, len(values), (count, size))
    drawn = np.concatenate([values[ends * (len(values) - 1)], values[noise]])
    drawn = drawn.reshape(-1, *source.shape)
    return (drawn if given is None else np.concatenate([given, drawn]))[:count]


def recorded(graph: Graph, x: np.ndarray) -> bytes:
    """Return the file with frames ``x`` and the golden model's outputs."""
    buffer = io.BytesIO()
    outputs = graph.run(x)
    np.savez_compressed(buffer, inputs=_narrow(x), outputs=_narrow(outputs), allow_pickle=False)
    return buffer.getvalue()


def read(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(inputs, outputs)`` of a board's folder."""
    path = folder / NAME
    data = read_bytes(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            x, y = file["inputs"], file["outputs"]
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise StorageError(f"{path} must hold recorded frames: {error}") from None
    if len(x) != len(y) or not len(x):
        raise StorageError(f"{path} must hold an output for each of its frames")
    return x, y


def _narrow(a: np.ndarray) -> np.ndarray:
    """Convert integers to the smallest type that holds them."""
    signed = a.size > 0 and a.min() < 0
    most = max(abs(int(a.min()) + signed), abs(int(a.max()))) if a.size else 0
    bits = next(b for b in (8, 16, 32, 64) if most < 1 << (b - signed))
    return np.ascontiguousarray(a.astype(f"{'i' if signed else 'u'}{bits // 8}"))
