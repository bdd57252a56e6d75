"""Random quantized models of the operators that are accepted, each judged by the float evaluator.

``python -m fuzz.random_models --first 0 --count 3000`` (with ``tests`` on the path) draws models by
their seeds, in blocks, each in a process of its own, and goes on where an earlier run with the same
``--state`` stopped. A model is

- ``equal``: accepted, and all that it gives lies within the evaluator's own bound of its error;
- ``undecided``: accepted, and float64 could not decide any of its samples;
- ``refused``: counted by the first reason, without names and numbers;
- ``wrong``: accepted and different, or ended by anything but a refusal. Its seed is listed.

``--show SEED`` prints one model's nodes and what comes of it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from bitrill.errors import BitrillError, UnsupportedError
from bitrill.flow.running import model_outputs
from bitrill.frontend import load_model
from bitrill.ir import Graph
from bitrill.lowering import to_integer
from frontend.float_evaluator import evaluate_all
from frontend.float_numbers import Num, U, Undecided
from frontend.onnx_models import save
from fuzz.random_functions import distances, tables, window_distances
from fuzz.random_integers import qlinear
from fuzz.random_layouts import channels_last, computed, shaped, stretched
from fuzz.random_net import Draw, Unfit
from fuzz.random_places import PLACES, ending
from fuzz.random_steps import ELEMENTWISE, attended, quantized
from onnx import TensorProto

BLOCK = 100
SAMPLES = 4
SINGLE = 2.0**-24
"""Largest relative error of rounding to float32."""


OVER_PLACES = (
    *PLACES,
    channels_last,
    channels_last,
    stretched,
    qlinear,
    attended,
    window_distances,
)
ANYWHERE = (*ELEMENTWISE, distances, tables, qlinear, qlinear, computed, shaped, *PLACES[-6:])
"""Steps behind a tensor with places, and behind any."""


def network(seed: int) -> onnx.ModelProto:
    """The random model of a seed."""
    d = Draw(seed)
    made = [beginning(d)]
    wanted = d.whole(2, 9)
    for _ in range(4 * wanted):
        if len(made) > wanted:
            break
        x = made[-1] if d.maybe(0.85) else d.one(*made)
        places = len(d.shape_of(x)) > 2 and d.maybe(0.6)
        steps = OVER_PLACES if places else ANYWHERE
        n = len(d.nodes)
        try:
            made.append(d.one(*steps)(d, x))
        except Unfit:
            del d.nodes[n:]
            d.data &= {"x", *(o for node in d.nodes for o in node.output)}
    ends = [made[-1], *(d.one(*made) for _ in range(d.one(0, 0, 0, 0, 1, 2)))]
    outputs: list[str] = []
    for x in dict.fromkeys(ends):
        try:
            outputs += ending(d, x)
        except Unfit:
            outputs.append(x)
    outputs = [o for o in dict.fromkeys(outputs) if o != "x"] or [d.node("Relu", "x")]
    proto = d.proto(*outputs, whole=d.whole_outputs)
    if d.raw:
        proto.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    return proto


def beginning(d: Draw) -> str:
    """The first real numbers: the input quantized, as it is now and then, or of its integers."""
    if not d.raw:
        return quantized(d, "x") if d.maybe(0.9) else "x"
    if d.later(10) and d.maybe():
        x = d.node("DequantizeLinear", "x", d.const(0.02), d.const(d.one(0, 128), np.uint8))
    else:
        x = d.node("Cast", "x", to=TensorProto.FLOAT)
        x = d.node("Div", x, d.const(255.0)) if d.maybe() else d.node("Mul", x, d.const(1 / 64))
    d.integers.append(x)
    return x


def compare(graph: Graph, proto: onnx.ModelProto, seed: int) -> int:
    """Compare both forms' outputs with the evaluator; return how many samples it could decide."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 2, (SAMPLES, *graph.source.shape)).astype(np.float32)
    if graph.source.quantizer is None:
        x = graph.source.tensor.type.values()[rng.integers(0, 256, x.shape)]
    forms = [(form, outputs_of(form, x)) for form in (graph, to_integer(graph))]
    decided = 0
    for k in range(SAMPLES):
        try:
            with np.errstate(all="ignore"):
                want = evaluate_all(proto, x[k : k + 1])
        except Undecided:
            continue
        decided += 1
        for form, got in forms:
            for declared, ys, number in zip(proto.graph.output, got, want, strict=True):
                whole = declared.type.tensor_type.elem_type == TensorProto.INT64
                assert ys.dtype == (np.int64 if whole else np.float32), ys.dtype
                examine(ys[k : k + 1], number, rounding_of(form))
    return decided


def outputs_of(graph: Graph, x: np.ndarray) -> list[np.ndarray]:
    return list(
        model_outputs(
            graph.sink, graph.run(x if graph.source.quantizer is None else graph.source.quantize(x))
        ).values()
    )


def examine(y: np.ndarray, number: Num, rounding: float) -> None:
    """Raise AssertionError unless ``y`` is the float32 of a number within its bound."""
    assert y.shape == number.v.shape, (y.shape, number.v.shape)
    with np.errstate(all="ignore"):
        bound = number.e + 2 * SINGLE * np.abs(number.v) + rounding + 2.0**-149
        far = ~(np.abs(y - number.v) <= bound) & (y != number.v.astype(y.dtype))
    assert not far.any(), f"{y[far][:4]} against {number.v[far][:4]}"


def rounding_of(graph: Graph) -> float:
    """Bound of what float64 rounds off ``scale * integer + offset``, with room for functions."""
    grids = graph.sink.segments or (graph.sink,)
    t = graph.sink.tensor.type
    numbers = [abs(float(v)) for grid in grids for v in (*grid.scale, *grid.offset)]
    return 8 * U * max(numbers, default=1.0) * (1 + max(abs(t.lo), abs(t.hi)))


def reason(error: BitrillError) -> str:
    """The first reason of a refusal, without names and numbers."""
    first = getattr(error, "reasons", [str(error)])[0]
    first = re.sub(r"(?<!\w)'[^']*'", "'_'", first)
    first = re.sub(r"\([^()]*\)", "", first)
    return re.sub(r"\d+(\.\d+)?(e[-+]?\d+)?", "#", first)[:160]


def outcome(seed: int, folder: Path) -> tuple[str, str]:
    """What comes of one seed's model, and its reason or fault."""
    proto = network(seed)
    try:
        graph = load_model(save(proto, folder))
    except BitrillError as error:
        return "refused", reason(error)
    except Exception:
        return "wrong", traceback.format_exc(limit=-3)
    try:
        return ("equal" if compare(graph, proto, seed) else "undecided"), ""
    except UnsupportedError as error:  # of the integer passes: too many levels, say
        return "refused", reason(error)
    except Exception:
        return "wrong", traceback.format_exc(limit=-3)


def operators(seed: int) -> set[str]:
    """The operators of a seed's model; those of other domains have these in front of them."""
    nodes = network(seed).graph.node
    return {".".join(filter(None, (node.domain, node.op_type))) for node in nodes}


def block(first: int, count: int) -> dict[str, dict[str, int] | list[str]]:
    """Judge a block of seeds: counts of outcomes, of reasons, of operators accepted, and faults."""
    seen: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    used: Counter[str] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(first, first + count):
            what, why = outcome(seed, Path(folder))
            seen[what] += 1
            if what == "refused":
                reasons[why] += 1
            else:
                used.update(operators(seed))
            if what == "wrong":
                faults.append(f"--show {seed}: {why}")
    return {"seen": dict(seen), "reasons": dict(reasons), "operators": dict(used), "faults": faults}


def run(first: int, count: int, state: Path) -> dict[str, object]:
    """Judge ``count`` seeds and return the counts; ``state`` holds the blocks that are done."""
    done = json.loads(state.read_text()) if state.exists() else {}
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for start in range(first, first + count, BLOCK):
        size = min(BLOCK, first + count - start)
        key = f"{start} {size}"
        if key in done:
            continue
        command = [sys.executable, "-m", "fuzz.random_models", "--block", str(start), str(size)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=paths, check=False)
        if ended.returncode:
            raise RuntimeError(f"the block at {start} ended with {ended.returncode}")
        done[key] = json.loads(ended.stdout.splitlines()[-1])
        state.write_text(json.dumps(done, indent=1))
        print(f"{key}: {done[key]['seen']}", *done[key]["faults"], sep="\n  ", flush=True)
    return total(list(done.values()))


def total(blocks: list[dict[str, dict[str, int] | list[str]]]) -> dict[str, object]:
    """The sum of all blocks, the most frequent first."""
    found: dict[str, object] = {}
    for key in ("seen", "operators", "reasons"):
        counts: Counter[str] = Counter()
        for one in blocks:
            counts.update(dict(one[key]))  # pyright: ignore[reportCallIssue, reportArgumentType]
        found[key] = dict(counts.most_common())
    found["faults"] = [fault for one in blocks for fault in one["faults"]]
    return found


def show(seed: int) -> None:
    proto = network(seed)
    print(onnx.printer.to_text(proto))
    with tempfile.TemporaryDirectory() as folder:
        print(*outcome(seed, Path(folder)), sep="\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=3000, help="how many seeds")
    parser.add_argument("--state", type=Path, default=Path("random_models.json"))
    parser.add_argument("--show", type=int, help="one seed's model and its outcome")
    parser.add_argument("--block", type=int, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.show is not None:
        show(asked.show)
        return 0
    if asked.block:
        print(json.dumps(block(*asked.block)))
        return 0
    found = run(asked.first, asked.count, asked.state)
    print(json.dumps(found, indent=1))
    return 1 if found["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
