"""Graphs to bytes and back: the same graph gives the same bytes, on every machine and run.

``graph.json`` holds everything but the arrays, with a schema version and the digest of the whole;
``weights.npz`` holds the arrays, named ``node.field``.
"""

import dataclasses
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from .. import exact, functions, real
from ..errors import StageError, StorageError, UnsupportedError
from ..storage import json_bytes, read_bytes, read_json, write_bytes
from . import activation, host, interface, operator, registry, types
from . import graph as graph_module
from .graph import Graph, Stage

SCHEMA = 2
"""Version of the form of ``graph.json``; a reader refuses any other."""

# what reading a file of any content may raise
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)

_PARTS: dict[str, type] = {
    c.__name__: c
    for c in (
        real.Affine,
        real.Clip,
        real.Leaky,
        functions.Elementary,
        functions.Combined,
        activation.Quantizer,
        activation.Function,
        types.IntType,
        types.Tensor,
        operator.Impl,
        host.HostFunction,
        host.Output,
        host.Segment,
        interface.Source,
        interface.Sink,
        interface.InputQuantizer,
        graph_module.Graph,
    )
}


def to_parts(graph: Graph) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """``(json value, arrays)`` of a graph."""
    arrays: dict[str, np.ndarray] = {}
    return {"schema": SCHEMA, "graph": _encode(graph, "", arrays)}, arrays


def digest(graph: Graph) -> str:
    """SHA-256 over structure and arrays, hex: equal exactly for equal graphs."""
    value, arrays = to_parts(graph)
    return _digest(value, arrays)


def save(graph: Graph, folder: Path) -> None:
    """Write ``graph.json`` and ``weights.npz``; the JSON last, since readers start from it."""
    for name, data in to_files(graph).items():
        write_bytes(folder / name, data)


def to_files(graph: Graph) -> dict[str, bytes]:
    """Return the content of ``weights.npz`` and ``graph.json``."""
    value, arrays = to_parts(graph)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    text = json_bytes(value | {"digest": _digest(value, arrays)})
    return {"weights.npz": buffer.getvalue(), "graph.json": text}


def load(folder: Path) -> Graph:
    """Read what `save` wrote; another schema or a damaged file is refused."""
    path = folder / "graph.json"
    value = read_json(path)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        schema = value.get("schema") if isinstance(value, dict) else None
        raise StorageError(
            f"{path} must have schema {SCHEMA}, not {schema!r}:"
            " another version wrote it; compile again"
        )
    try:
        with np.load(io.BytesIO(read_bytes(folder / "weights.npz")), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        same = value.pop("digest", None) == _digest(value, arrays)
        graph = _decode(value["graph"], arrays) if same else None
        if isinstance(graph, Graph):
            graph_module.verify(graph, graph.stage)
    except UnsupportedError as error:
        raise StorageError(f"{folder} holds a graph that cannot be read: {error}") from error
    except _DAMAGE as error:
        raise StorageError(f"{folder} holds a damaged graph: {error!r}") from error
    if not same:
        raise StorageError(f"{folder} holds a damaged graph: its digest does not match its content")
    if not isinstance(graph, Graph):
        raise StorageError(f"{folder} holds a damaged graph: it is none")
    return graph


def _digest(value: Mapping[str, object], arrays: dict[str, np.ndarray]) -> str:
    sha = hashlib.sha256(json.dumps(value, sort_keys=True).encode())
    for name in sorted(arrays):
        a = np.ascontiguousarray(arrays[name])
        sha.update(f"{name}{a.dtype.str}{a.shape}".encode())
        sha.update(a.tobytes())
    return sha.hexdigest()


def _encode(value: Any, path: str, arrays: dict[str, np.ndarray]) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.ndarray):
        narrow = _narrowest(value)
        arrays[path] = narrow
        return {"array": path, "dtype": value.dtype.str}
    if isinstance(value, Enum):
        return {"enum": value.value}
    if isinstance(value, Fraction | exact.Surd):
        return {"real": exact.to_json(value)}
    if isinstance(value, types.IntType):
        arguments = {k: _encode(v, path, arrays) for k, v in value.parameters.items()}
        return {"class": "IntType", **arguments}
    if isinstance(value, tuple):
        return [_encode(v, f"{path}.{i}", arrays) for i, v in enumerate(value)]
    if isinstance(value, dict):
        return {"map": {k: _encode(v, f"{path}.{k}", arrays) for k, v in sorted(value.items())}}
    if isinstance(value, (operator.Operator, *_PARTS.values())):
        out: dict[str, object] = {"class": type(value).__name__}
        here = value.name if isinstance(value, operator.Operator) else path
        for f in dataclasses.fields(value):
            if f.metadata == interface.USED_ONLY and getattr(value, f.name) == f.default:
                continue
            key = f"{here}.{f.name}" if here else f.name
            out[f.name] = _encode(getattr(value, f.name), key, arrays)
        return out
    raise StageError(f"{path} holds a {type(value).__name__}, which graphs cannot hold")


def _narrowest(a: np.ndarray) -> np.ndarray:
    """Integers in the smallest dtype that holds them: files stay small."""
    if a.dtype.kind not in "iu" or a.size == 0:
        return np.ascontiguousarray(a)
    ends = np.min_scalar_type(a.min()), np.min_scalar_type(a.max())
    return np.ascontiguousarray(a.astype(np.result_type(*ends)))


def _decode(value: object, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return tuple(_decode(v, arrays) for v in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        out = arrays[value["array"]].astype(np.dtype(value["dtype"]))
        out.setflags(write=False)
        return out
    if "enum" in value:
        return Stage(value["enum"])
    if "real" in value:
        return exact.from_json(value["real"])
    if "map" in value:
        return {k: _decode(v, arrays) for k, v in value["map"].items()}
    fields = {k: _decode(v, arrays) for k, v in value.items() if k != "class"}
    name = value["class"]
    return (_PARTS[name] if name in _PARTS else registry.operator_class(name))(**fields)
