"""Chooses the edge for a model's input, from the first layer that has channels and places.

Words: ``docs/glossary.md``, "Importing" (edge, place).
"""

from collections.abc import Mapping
from math import prod

import numpy as np

from ..reader.model import Attribute, Model, Node
from .table import CHANNELS_LAST, Layout, rule_of


def input_edge(model: Model) -> tuple[tuple[int, ...], bool]:
    """Return the shape of the input's edge, channel last, and whether the array is, too.

    True: the array's elements are in the order of the edge. False: the array is ``[channels,
    *places]``, or the edge is a vector in the array's order.
    """
    shape = model.shape
    if len(shape) not in (2, 3):
        return (prod(shape),), False
    view = _first_view(model)
    if view is not None and view.ndim in (2, 3):
        channels, *places = view.shape
        stream = np.moveaxis(view, 0, -1).reshape(-1)
        plain = np.arange(view.size)
        if np.array_equal(stream, np.moveaxis(plain.reshape(view.shape), 0, -1).reshape(-1)):
            return (*places, channels), False
        if np.array_equal(stream, plain):
            return (*places, channels), True
    spatial = any(_sees_places(n) for n in model.nodes)
    return ((*shape[1:], shape[0]) if spatial else (prod(shape),)), False


def _sees_places(node: Node) -> bool:
    """Return whether a node distinguishes places from channels.

    A batch norm does so only together with another node.
    """
    return _layout(node) == "spatial" and node.op != "BatchNormalization"


def _first_view(model: Model) -> np.ndarray | None:
    """Return the input's elements at the first spatial layer, ``[C, *places]``."""
    views = {model.input: np.arange(prod(model.shape)).reshape(1, *model.shape)}
    constants = dict(model.constants) | _constants(model)
    maybe: np.ndarray | None = None
    for node in model.nodes:
        view = next((views[t] for t in node.inputs if t in views), None)
        if view is None:
            continue
        last = _layout(node) == "last" and view.ndim > 2
        if last or _sees_places(node):
            last = last or node.domain == CHANNELS_LAST
            view = view if len(view) == 1 else view[None]  # the batch axis is another one
            return (np.moveaxis(view, -1, 1) if last else view)[0]
        if maybe is None and _layout(node) == "either" and view.ndim > 2:
            maybe = view[0]
        moved = _moved(node, view, constants)
        if moved is not None:
            views[node.outputs[0]] = moved
    return maybe


def _constants(model: Model) -> dict[str, np.ndarray]:
    """Return the lists of integers in Constant nodes."""
    out = {}
    for node in model.nodes:
        value = node.attributes.get("value", node.attributes.get("value_ints"))
        if node.op == "Constant" and isinstance(value, np.ndarray | tuple):
            out[node.outputs[0]] = np.asarray(value)
    return out


def _moved(node: Node, view: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return ``view`` after a node that moves axes; None if it is another node.

    If the node's rule refuses it, the result does not matter.
    """
    given = constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
    axes = _integers(node.attributes.get("axes", given))
    try:
        if node.op == "Transpose":
            return view.transpose(_integers(node.attributes.get("perm")) or None)
        if node.op == "Reshape" and given is not None:
            sizes = [view.shape[i] if s == 0 else s for i, s in enumerate(_integers(given))]
            return view.reshape([1, *sizes[1:]])
        if node.op == "Flatten":
            return view.reshape(1, -1)
        if node.op == "Unsqueeze":
            return np.expand_dims(view, axes)
        if node.op == "Squeeze":
            return view.squeeze(axes or None)
    except (ValueError, TypeError, IndexError):
        return None
    same = _layout(node) in ("same", "either") or node.op == "BatchNormalization"
    return view if same else None


def _integers(value: Attribute) -> tuple[int, ...]:
    """Return a list of integers; empty if the value is something else."""
    if isinstance(value, np.ndarray):
        return tuple(int(v) for v in value.reshape(-1).tolist())
    return tuple(int(v) for v in value) if isinstance(value, tuple) else ()


def _layout(node: Node) -> Layout:
    known = rule_of(node)
    return "other" if known is None else known.layout
