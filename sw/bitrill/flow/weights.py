"""Replaces the weights of a build of style runtime or streamed, without compiling again.

New weights are checked, converted to register writes, and put into the golden model.
"""

import difflib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..errors import SpecError, StorageError
from ..ir import Graph, Operator, serialisation
from ..ops import Depthwise, MatVec, Threshold
from ..runtime.register_map import register_map, writes
from ..storage import read_bytes
from . import build_files
from .builds import Build, BuildLike, open_build

Weights = Mapping[str, ArrayLike]
"""Arrays by ``NODE.weights``, ``NODE.thresholds`` or ``NODE.inverted``, as in ``weights.npz``."""


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of a ``.npz`` file, or of the ``weights.npz`` in a build folder."""
    path = Path(path)
    if path.is_dir():
        if (path / build_files.DIGESTS).exists():
            build_files.check(path)
        path = path / "weights.npz"
    data = read_bytes(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # numpy evaluates headers, which may raise anything
        raise StorageError(f"{path} must be a .npz file of arrays, and is not") from error


def with_weights(build: BuildLike, weights: Weights) -> Graph:
    """Return the build's graph (its golden model) with other weights or thresholds.

    Arrays keep their shapes; weights are values of their type, thresholds ascend within
    ``x.lo .. x.hi + 1``. Arrays that cannot be written may be given if they are as compiled, so
    the whole ``weights.npz`` of another build can be used. Raises `SpecError` with all faults.
    """
    graph = open_build(build).graph
    changes, problems = _changes(graph, weights)
    if problems:
        count = f"{len(problems)} problems: " if len(problems) > 1 else ""
        raise SpecError(f"weights: {count}{'; '.join(problems)}", problems=problems)
    return graph.replace(
        nodes=tuple(n.replace(**changes[n.name]) if n.name in changes else n for n in graph.nodes)
    )


def register_writes(build: BuildLike, weights: Weights | None = None) -> list[tuple[int, int]]:
    """Return address and data of each register to write over AXI4-Lite, by ascending address.

    ``weights``: only the nodes that it names are written, each completely; if None, all nodes as
    compiled. Raises the errors of `with_weights`.
    """
    built = open_build(build)
    graph = built.graph if weights is None else with_weights(built, weights)
    named = None if weights is None else {name.rpartition(".")[0] for name in weights}
    return [
        access
        for window in register_map(graph)
        if named is None or window.node in named
        for access in sorted(writes(graph[window.node], window))
    ]


def replace_weights(
    build: Build, weights: str | Path | Weights | None
) -> tuple[Graph, list[tuple[int, int]]]:
    """Return the golden model with new weights, if any, and the registers to write for them."""
    if weights is None:
        return build.graph, []
    arrays = read_weights(weights) if isinstance(weights, str | Path) else weights
    return with_weights(build, arrays), register_writes(build, arrays)


def writable(graph: Graph) -> dict[str, np.ndarray]:
    """Return the arrays that can be changed, by name, with their present values."""
    return {
        f"{node.name}.{field}": getattr(node, field)
        for node in graph.nodes
        for field in _fields(node)
    }


def _fields(node: Operator) -> tuple[str, ...]:
    if isinstance(node, MatVec | Depthwise) and (node.writable or node.folded.streamed):
        return ("weights",)
    return ("thresholds", "inverted") if isinstance(node, Threshold) and node.writable else ()


def _changes(graph: Graph, weights: Weights) -> tuple[dict[str, dict[str, np.ndarray]], list[str]]:
    """Return the new fields by node, and all faults."""
    open_, compiled = writable(graph), serialisation.to_parts(graph)[1]
    if not open_:
        return {}, [
            "there must be nodes of style 'runtime' or 'streamed' for them, and there are none"
        ]
    changes: dict[str, dict[str, np.ndarray]] = {}
    problems: list[str] = []
    for name, value in weights.items():
        array, (node, _, field) = np.asarray(value), name.rpartition(".")
        if name in open_:
            fault = _fault(graph[node], field, open_[name], array)
            if fault:
                problems.append(f"{name} {fault}")
            else:
                changes.setdefault(node, {})[field] = array.astype(open_[name].dtype)
        elif name not in compiled:
            near = difflib.get_close_matches(name, open_, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(open_)}"
            problems.append(f"{name} does not exist ({hint})")
        elif not np.array_equal(array, compiled[name]):
            problems.append(f"{name} must be as compiled: it cannot be written")
    return changes, problems


def _fault(node: Operator, field: str, old: np.ndarray, new: np.ndarray) -> str:
    """Return what is wrong with an array; empty if nothing is."""
    if new.dtype.kind not in "iub":
        return f"must hold integers, not {new.dtype}"
    if new.shape != old.shape:
        return f"must have shape {list(old.shape)}, not {list(new.shape)}"
    if field == "inverted":
        return "" if np.isin(new, (0, 1)).all() else "must be 0 or 1 for each channel"
    if isinstance(node, MatVec | Depthwise):
        wrong = node.weight_type.outside(new)
        what = f"values of {node.weight_type}"
    else:
        x = node.x.type
        wrong, what = (new < x.lo) | (new > x.hi + 1), f"in {x.lo}..{x.hi + 1}"
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        return f"must be {what}, not {new[row, column]} (row {row}, column {column})"
    if field == "thresholds":
        falls = np.argwhere(np.diff(new.astype(np.int64), axis=1) < 0)
        if len(falls):
            row, column = falls[0].tolist()
            return (
                f"must ascend, not go from {new[row, column]} to {new[row, column + 1]}"
                f" (row {row}, column {column})"
            )
    return ""
