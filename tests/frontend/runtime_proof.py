"""Proof that ONNX Runtime differs from an imported graph at decision boundaries alone.

Each quantizer of the model is computed again from the integers that the runtime itself gave in
front of it, with bounds of the error: once of float64, which decides nearly all of them, once of
the runtime's float32. Its integer must be one that float32 may give.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from bitrill.ir import Graph
from frontend import float_evaluator, float_integers
from frontend.float_evaluator import unit
from frontend.float_numbers import Num
from frontend.runtime import session
from onnx import helper, numpy_helper

SINGLE = 2.0**-22
"""Bound of one rounding to float32, with room for the order of a kernel's sums."""


def rounds(node: onnx.NodeProto) -> bool:
    return node.op_type in float_integers.ROUNDING


def spans(
    proto: onnx.ModelProto, env: dict[str, Num]
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """For each quantizer, the ends of its integers; ``env`` holds what the runtime gave."""
    given = dict(env)
    for node in proto.graph.node:
        args = [env.get(i) if i else None for i in node.input]
        attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        out = node.output[0]
        if rounds(node) and out in given:
            yield out, *float_integers.ends_of(node.op_type, args, attrs)
        else:
            env[out] = float_evaluator.step(node.op_type, args, attrs)


@dataclass
class Compared:
    """Frames compared, those whose outputs differ, and the runtime's decisions behind that."""

    frames: int = 0
    differing: int = 0
    decisions: int = 0

    def __str__(self) -> str:
        return f"{self.frames} frames, {self.differing} differ, {self.decisions} decisions"


def boundary_decisions(proto: onnx.ModelProto, inner: Any, names: list[str], x: np.ndarray) -> int:
    """Count the runtime's decisions that are not exact; each must be a rounding of float32."""
    constants = {t.name: Num.of(numpy_helper.to_array(t)) for t in proto.graph.initializer}
    (name,) = [i.name for i in proto.graph.input if i.name not in constants]
    values = dict(zip(names, inner.run(names, {name: x}), strict=True))
    env = constants | {k: Num.of(v) for k, v in values.items()} | {name: Num.of(x)}
    with unit(2.0**-52):
        exact = {out: (low, high) for out, low, high in spans(proto, dict(env))}
    with unit(SINGLE):
        single = {out: (low, high) for out, low, high in spans(proto, dict(env))}
    count = 0
    for out, (low, high) in exact.items():
        got = values[out]
        off = (got < low) | (got > high) | (low != high)
        least, most = single[out]
        assert np.all((least <= got) & (got <= most)), f"{out}: no rounding of float32 gives this"
        count += int(off.sum())
    return count


def compare(
    proto: onnx.ModelProto, graphs: list[Graph], x: np.ndarray, *, optimize: bool = False
) -> Compared:
    """Compare graphs with ONNX Runtime on frames ``x``, integer by integer at the output."""
    made = session(proto, optimize=optimize)
    (name,) = [i.name for i in made.get_inputs()]
    want = np.concatenate([made.run(None, {name: frame[None]})[0] for frame in x])
    sink = graphs[0].sink
    results = [g.run(g.source.quantize(x)) for g in graphs]
    for y in results[1:]:
        assert np.array_equal(y, results[0])
    scale, offset = (np.array([float(v) for v in p]) for p in (sink.scale, sink.offset))
    got = results[0].reshape(want.shape)
    shape = [-1 if k == 1 else 1 for k in range(want.ndim)]
    nearest = np.round((want.astype(np.float64) - offset.reshape(shape)) / scale.reshape(shape))
    differ = (nearest != got).reshape(len(x), -1).any(1)
    done = Compared(len(x), int(differ.sum()))
    watched, names = with_outputs(proto)
    inner = session(watched, optimize=optimize)
    for frame in x[differ]:
        found = boundary_decisions(proto, inner, names, frame[None])
        assert found, "the outputs differ, and no decision of the runtime explains it"
        done.decisions += found
    return done


def with_outputs(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """A copy of the model that gives every quantized tensor, and the names of these."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    names = [n.output[0] for n in proto.graph.node if rounds(n)]
    known = {o.name for o in copy.graph.output}
    for n in names:
        if n not in known:
            copy.graph.output.append(helper.make_empty_tensor_value_info(n))
    return copy, names
