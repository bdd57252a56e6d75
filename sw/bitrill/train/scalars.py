"""Evaluates single elements of an ONNX graph's tensors exactly, with float error bounds.

`Scalars` goes from an element back to the nearest tensors whose floats are the same on both sides
(inputs, constants, outputs of quantizers), and computes with `bounds.Value` from there. This is
slow, and meant for the few elements in which two sides differ.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import onnx

from .bounds import Value, batch_norm, dot, maximum, power

Index: TypeAlias = tuple[int, ...]


def element(values: np.ndarray, index: Index) -> Fraction:
    """Return the element of ``values`` at ``index`` after broadcasting, exactly."""
    own = index[len(index) - values.ndim :]
    place = tuple(i if n > 1 else 0 for i, n in zip(own, values.shape, strict=True))
    return Fraction(float(values[place]))


class Scalars:
    """Evaluates elements: ``scalars(tensor, index)`` returns the `Value` of one.

    ``arrays``: every tensor of one evaluation; ``leaf(tensor, index)``: elements of the tensors
    that no node computes, and of ``cuts``, at which the evaluation stops. Raises
    NotImplementedError for an unknown operator.
    """

    def __init__(
        self,
        nodes: list[onnx.NodeProto],
        arrays: Mapping[str, np.ndarray],
        leaf: Callable[[str, Index], Value],
        cuts: set[str],
    ):
        self._makers = {o: n for n in nodes for o in n.output if o not in cuts}
        self._arrays, self._leaf = arrays, leaf
        self._known: dict[tuple[str, Index], Value] = {}

    def __call__(self, tensor: str, index: Index) -> Value:
        value = self._known.get((tensor, index))
        if value is None:
            value = self._known[tensor, index] = self._find(tensor, index)
        return value

    def _find(self, tensor: str, index: Index) -> Value:
        node = self._makers.get(tensor)
        if node is None:
            return self._leaf(tensor, index)
        rule = _RULES.get(node.op_type)
        if rule is None:
            raise NotImplementedError(f"{node.op_type} ({node.name})")
        return rule(self, node, index)

    def shape(self, tensor: str) -> tuple[int, ...]:
        return self._arrays[tensor].shape

    def constant(self, tensor: str) -> np.ndarray:
        return self._arrays[tensor]

    def broadcast(self, tensor: str, index: Index) -> Value:
        """Return the element at ``index`` after numpy's broadcasting."""
        shape = self.shape(tensor)
        own = index[len(index) - len(shape) :]
        return self(tensor, tuple(i if n > 1 else 0 for i, n in zip(own, shape, strict=True)))


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return a node's attributes as Python values; strings are bytes."""
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


_Rule: TypeAlias = Callable[[Scalars, onnx.NodeProto, Index], Value]


def _elementwise(f: Callable[..., Value]) -> _Rule:
    def rule(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
        return f(*(s.broadcast(name, index) for name in node.input))

    return rule


def _same_order(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    """Rule of Reshape and similar operators, which keep an element's flat position."""
    flat = int(np.ravel_multi_index(index, s.shape(node.output[0])))
    place = np.unravel_index(flat, s.shape(node.input[0]))
    return s(node.input[0], tuple(int(i) for i in place))


def _transpose(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    perm = attributes(node).get("perm") or list(range(len(index)))[::-1]
    return s(node.input[0], tuple(index[perm.index(axis)] for axis in range(len(index))))


def _concat(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    axis = attributes(node)["axis"] % len(index)
    place = index[axis]
    for name in node.input:
        n = s.shape(name)[axis]
        if place < n:
            return s(name, (*index[:axis], place, *index[axis + 1 :]))
        place -= n
    raise IndexError(f"{index} lies outside the concatenation {node.name}")


def _matmul(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    a, b = node.input
    if min(len(s.shape(a)), len(s.shape(b))) < 2:
        raise NotImplementedError(f"MatMul of vectors ({node.name})")
    *batch, i, j = index
    return dot(
        (s.broadcast(a, (*batch, i, k)), s.broadcast(b, (*batch, k, j)))
        for k in range(s.shape(a)[-1])
    )


def _l1_matmul(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    """Rule of ``-sum |x - w|``; its sum rounds like a dot product's."""
    x, w = node.input[:2]
    *batch, r = index
    differences = (s(x, (*batch, k)) - s(w, (k, r)) for k in range(s.shape(w)[0]))
    return -dot((), addends=map(abs, differences))


def _l1_conv(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    """Rule of ``-sum |x - w|`` over a window."""
    x, w = node.input[:2]
    batch, channel, *place = index
    _, depth, *kernel = s.shape(w)
    taps = list(_windows({}, tuple(kernel), s.shape(x)[2:], tuple(place)))
    differences = (
        s(x, (batch, c, *position)) - s(w, (channel, c, *tap))
        for c in range(depth)
        for tap, position in taps
    )
    return -dot((), addends=map(abs, differences))


def _gemm(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    given = attributes(node)
    a, b = node.input[:2]
    if given.get("alpha", 1.0) != 1 or given.get("beta", 1.0) != 1:
        raise NotImplementedError(f"Gemm with alpha or beta ({node.name})")
    i, j = index
    trans_a, trans_b = given.get("transA", 0), given.get("transB", 0)
    n = s.shape(a)[0 if trans_a else 1]
    bias = [s.broadcast(node.input[2], index)] if len(node.input) > 2 and node.input[2] else []
    return dot(
        (
            (s(a, (k, i) if trans_a else (i, k)), s(b, (j, k) if trans_b else (k, j)))
            for k in range(n)
        ),
        addends=bias,
    )


def _windows(
    given: Mapping[str, Any], kernel: tuple[int, ...], sizes: tuple[int, ...], place: Index
) -> Iterator[tuple[Index, Index]]:
    """Yield ``(tap, position)`` of each tap of the window at ``place`` inside the image."""
    rank = len(kernel)
    if given.get("auto_pad", b"NOTSET") != b"NOTSET" or given.get("ceil_mode", 0):
        raise NotImplementedError("auto_pad and ceil_mode")
    strides = given.get("strides") or [1] * rank
    dilations = given.get("dilations") or [1] * rank
    pads = given.get("pads") or [0] * (2 * rank)
    for tap in itertools.product(*map(range, kernel)):
        position = tuple(
            place[d] * strides[d] - pads[d] + tap[d] * dilations[d] for d in range(rank)
        )
        if all(0 <= p < n for p, n in zip(position, sizes, strict=True)):
            yield tap, position


def _conv(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    x, w = node.input[:2]
    given = attributes(node)
    batch, channel, *place = index
    filters, depth, *kernel = s.shape(w)
    first = channel // (filters // given.get("group", 1)) * depth
    taps = list(_windows(given, tuple(kernel), s.shape(x)[2:], tuple(place)))
    bias = [s(node.input[2], (channel,))] if len(node.input) > 2 and node.input[2] else []
    return dot(
        (
            (s(x, (batch, first + c, *position)), s(w, (channel, c, *tap)))
            for c in range(depth)
            for tap, position in taps
        ),
        addends=bias,
    )


def _max_pool(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    given = attributes(node)
    x = node.input[0]
    taps = _windows(given, tuple(given["kernel_shape"]), s.shape(x)[2:], index[2:])
    return maximum(s(x, (*index[:2], *position)) for _, position in taps)


def _resize(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    """Rule of nearest-pixel repetition by whole factors."""
    sizes, out = s.shape(node.input[0]), s.shape(node.output[0])
    if attributes(node).get("mode", b"nearest") != b"nearest" or any(
        m % n for n, m in zip(sizes, out, strict=True)
    ):
        raise NotImplementedError(f"Resize but by repetition ({node.name})")
    return s(node.input[0], tuple(i * n // m for i, n, m in zip(index, sizes, out, strict=True)))


def _average_pool(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    given = attributes(node)
    x, kernel = node.input[0], tuple(given["kernel_shape"])
    inside = [p for _, p in _windows(given, kernel, s.shape(x)[2:], index[2:])]
    count = int(np.prod(kernel)) if given.get("count_include_pad", 0) else len(inside)
    return _mean((s(x, (*index[:2], *p)) for p in inside), count)


def _global_average(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    sizes = s.shape(node.input[0])[2:]
    places = list(itertools.product(*map(range, sizes)))
    return _mean((s(node.input[0], (*index[:2], *p)) for p in places), len(places))


def _reduce_mean(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    x, given = node.input[0], attributes(node)
    shape = s.shape(x)
    axes = given.get("axes")
    if axes is None:
        listed = len(node.input) > 1 and node.input[1]
        axes = s.constant(node.input[1]).tolist() if listed else range(len(shape))
    reduced = {int(a) % len(shape) for a in axes}
    kept = iter(index)
    if given.get("keepdims", 1):
        ranges = [range(n) if d in reduced else [index[d]] for d, n in enumerate(shape)]
    else:
        ranges = [range(n) if d in reduced else [next(kept)] for d, n in enumerate(shape)]
    places = list(itertools.product(*ranges))
    return _mean((s(x, p) for p in places), len(places))


def _mean(values: Iterator[Value], count: int) -> Value:
    """Return the mean; two roundings cover a division and a product with the reciprocal."""
    mean = dot((), addends=values) / Value.of(count)
    return mean * Value.of(1)


def _norm(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    channel = (index[1],)
    scale, bias, mean, var = (s(name, channel) for name in node.input[1:5])
    eps = float(np.float32(attributes(node).get("epsilon", 1e-5)))
    return batch_norm(s(node.input[0], index), scale, bias, mean, var, eps)


def _clip(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    given = attributes(node)
    ends = [Fraction(given[k]) if k in given else None for k in ("min", "max")]
    for i, name in enumerate(node.input[1:3]):
        if name:
            ends[i] = Fraction(float(s.constant(name)))
    return s(node.input[0], index).clip(*ends)


def _pow(s: Scalars, node: onnx.NodeProto, index: Index) -> Value:
    exponent = s.broadcast(node.input[1], index)
    return power(s.broadcast(node.input[0], index), float(exponent.lo))


_RULES: dict[str, _Rule] = {
    "Add": _elementwise(lambda a, b: a + b),
    "Sub": _elementwise(lambda a, b: a - b),
    "Mul": _elementwise(lambda a, b: a * b),
    "Div": _elementwise(lambda a, b: a / b),
    "Neg": _elementwise(lambda a: -a),
    "Sqrt": _elementwise(lambda a: a.sqrt()),
    "Relu": _elementwise(lambda a: a.clip(Fraction(0), None)),
    "Pow": _pow,
    "Clip": _clip,
    "BatchNormalization": _norm,
    "Identity": _same_order,
    "Dropout": _same_order,
    "Cast": _same_order,
    "Reshape": _same_order,
    "Flatten": _same_order,
    "Squeeze": _same_order,
    "Unsqueeze": _same_order,
    "Transpose": _transpose,
    "Concat": _concat,
    "MatMul": _matmul,
    "L1MatMul": _l1_matmul,
    "L1Conv": _l1_conv,
    "Gemm": _gemm,
    "Conv": _conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average,
    "ReduceMean": _reduce_mean,
    "Resize": _resize,
    "Upsample": _resize,
}
"""Rule of each operator: computes an element from its inputs' elements."""
