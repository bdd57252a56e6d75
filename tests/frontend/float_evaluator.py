"""Evaluates ONNX graphs in float64 with bounds of the error; shares no code with Bitrill.

`float_numbers` tells how numbers and their bounds are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from frontend import float_functions, float_heads, float_numbers, float_quantizers
from frontend.float_heads import softmax_before_13, top_k
from frontend.float_integers import dynamic, integer_step
from frontend.float_numbers import Num
from frontend.float_operators import split
from frontend.float_steps import real_step
from onnx import helper, numpy_helper

LATEST = 25
"""Version of ONNX's operators where none is given."""


@contextmanager
def unit(u: float) -> Iterator[None]:
    """Let the evaluator's bounds be of floats that round by ``u``."""
    modules = (float_numbers, float_functions, float_heads, float_quantizers)
    before = {m: m.U for m in modules}
    for m in before:
        m.U = u
    try:
        yield
    finally:
        for m, old in before.items():
            m.U = old


def evaluate(proto: onnx.ModelProto, x: np.ndarray, error: float = 0.0) -> Num:
    """The model's first output for the float input ``x`` (with the batch axis)."""
    return evaluate_all(proto, x, error)[0]


def evaluate_all(proto: onnx.ModelProto, x: np.ndarray, error: float = 0.0) -> list[Num]:
    """The model's outputs for the float input ``x`` (with the batch axis)."""
    env = {t.name: Num.of(numpy_helper.to_array(t)) for t in proto.graph.initializer}
    (name,) = [i.name for i in proto.graph.input if i.name not in env]
    env[name] = Num.of(x) if x.dtype.kind in "iu" else Num(x.astype(np.float64), np.abs(x) * error)
    needed, nodes = {o.name for o in proto.graph.output}, []
    for node in reversed(proto.graph.node):
        if needed.intersection(node.output):
            nodes.insert(0, node)
            needed.update(node.input)
    opset = next((o.version for o in proto.opset_import if not o.domain), LATEST)
    for node in nodes:
        env |= results(node, env, opset)
    return [env[o.name] for o in proto.graph.output]


def results(node: onnx.NodeProto, env: dict[str, Num], opset: int = LATEST) -> dict[str, Num]:
    """What one node gives, by the names of its outputs."""
    args = [env[i] if i else None for i in node.input]
    attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    several = {
        "Split": lambda: split(args, attrs, len(node.output)),
        "TopK": lambda: top_k(args, attrs),
        "DynamicQuantizeLinear": lambda: dynamic(*args),
    }
    if node.op_type == "Dropout" and len(node.output) == 2:  # and the mask: all is kept
        kept, mask = node.output
        return {kept: step("Dropout", args, attrs), mask: Num.of(np.ones(args[0].v.shape, bool))}
    if len(node.output) > 1 and node.op_type not in several:
        raise NotImplementedError(f"several outputs of {node.op_type}")
    if node.op_type in several:
        return dict(zip(node.output, several[node.op_type](), strict=True))
    if node.op_type in ("Softmax", "LogSoftmax") and opset < 13:
        logarithm = node.op_type == "LogSoftmax"
        return {node.output[0]: softmax_before_13(args[0], attrs, logarithm=logarithm)}
    last = node.domain == "qonnx.custom_op.channels_last"
    if last:
        for i in range(2 if node.op_type == "Conv" else 1):
            args[i] = args[i].map(lambda t: np.moveaxis(t, -1, 1))
    out = step(node.op_type, args, attrs)
    return {node.output[0]: out.map(lambda t: np.moveaxis(t, 1, -1)) if last else out}


def step(op: str, a: list[Any], attrs: dict[str, Any]) -> Num:
    """What a node of one output gives."""
    found = integer_step(op, a, attrs)
    return real_step(op, a, attrs) if found is None else found
