"""Shapes, constants and numbers that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.frontend.reader import limits
from frontend.refused import (
    Build,
    at,
    batch_behind,
    batch_cast,
    batch_sized,
    check_refused,
    clips,
    dense,
    of_integers,
    on_layer,
    reshaped,
    roots,
    squares,
)
from onnx import TensorProto

CASES: dict[str, tuple[Build, str]] = {
    "batch in arithmetic": (batch_sized, "numbers must not depend on the size of the batch"),
    "batch not first": (batch_behind, "only the first axis may have the size of the batch"),
    "batch as float": (batch_cast, "the size of the batch must not be cast to float"),
    "batch folded away": (reshaped(4, 1), r"the batch axis must stay the first, not \[4, 1\]"),
    "batch squeezed": (lambda n: n.node("Squeeze", dense(n)), "the batch axis must stay the first"),
    "squeezed size": (
        at(13, lambda n: n.node("Squeeze", dense(n), n.shape_const(1))),
        r"the axes squeezed must have size 1, not those of \[1, 4\]",
    ),
    "no axes": (on_layer("Unsqueeze"), "axes must be given"),
    "same axes": (on_layer("Unsqueeze", axes=[1, 1]), r"its axes must be different, not \[1, 1\]"),
    "nine axes added": (
        on_layer("Unsqueeze", axes=[*range(1, 8)]),
        "its axes must give at most 8 axes, not 9",
    ),
    "squeezed twice": (
        lambda n: n.node("Squeeze", n.node("Unsqueeze", dense(n), axes=[1]), axes=[1, -2]),
        r"its axes must be different, not \[1, 1\]",
    ),
    "reduced twice": (
        on_layer("ReduceMean", axes=[1, -1]),
        r"its axes must be different, not \[1, 1\]",
    ),
    "axis out of range": (on_layer("Unsqueeze", axes=[7]), r"axes must be -3\.\.2, not 7"),
    "flatten out of range": (on_layer("Flatten", axis=3), r"axis must be -2\.\.2, not 3"),
    "elements lost": (
        reshaped(1, 3),
        r"the shape must keep 4 elements, not make \[1, 4\] \[1, 3\]",
    ),
    "not divisible": (reshaped(3, -1), "the shape must keep 4 elements"),
    "two unknown sizes": (reshaped(-1, -1), "sizes of at least 0 and at most one -1"),
    "negative size": (reshaped(1, -2), "sizes of at least 0 and at most one -1"),
    "copied axis": (reshaped(1, 4, 0), "must not copy axes that"),
    "nine axes": (reshaped(1, 4, *[1] * 7), "the shape must be 1 to 8 integers"),
    "no permutation": (
        on_layer("Transpose", perm=[0, 0]),
        r"perm must order the 2 axes, not be \[0, 0\]",
    ),
    "reshaped scales": (
        lambda n: n.node(
            "MatMul",
            n.quant("x"),
            n.node(
                "Reshape",
                n.weights(4, 6, scale=[[1.0], [0.7123], [3.0], [4.1]]),
                n.shape_const(6, 4),
            ),
        ),
        "the scales of its weights in a row lie on one grid only with weights of",
    ),
    "gathered data": (
        lambda n: n.node("Gather", dense(n), n.shape_const(0)),
        "its axis must not be 0, the batch",
    ),
    "gathered too far": (
        of_integers("Gather", [1, 4], [2]),
        r"indices must be -2\.\.1, not 2\.\.2",
    ),
    "concat without axis": (of_integers("Concat", [1], [4]), "attribute axis must be given"),
    "concat of shapes": (
        of_integers("Concat", [1], [[4]], axis=0),
        "its operands must have the same shape except for one axis",
    ),
    "concat of types": (
        lambda n: n.node(
            "Reshape", dense(n), n.node("Concat", n.shape_const(1), n.const([4.0]), axis=0)
        ),
        "its operands must have the same type",
    ),
    "slice of unequal lists": (
        of_integers("Slice", [1, 4], [0, 0], [1]),
        "starts, ends, axes and steps must be equally many",
    ),
    "slice by zero": (of_integers("Slice", [1, 4], [0], [2], [0], [0]), "no step zero"),
    "cast to text": (on_layer("Cast", to=int(TensorProto.STRING)), "it must cast to float"),
    "cast of data": (
        on_layer("Cast", to=int(TensorProto.INT64)),
        "only constants may be cast to integers; use Quant",
    ),
    "cast of computed": (
        lambda n: n.node(
            "Reshape", dense(n), n.node("Cast", n.node("Sqrt", n.const([1.0, 16.0])), to=7)
        ),
        "computed parameters must not be cast to integers",
    ),
    "cast too large": (
        lambda n: n.node("Add", dense(n), n.node("Cast", n.const(1e300, np.float64), to=1)),
        "every number must fit the type it is cast to",
    ),
    "cast out of int32": (
        of_integers("Cast", [1 << 31, 4], to=6),
        "every number must fit the type it is cast to",
    ),
    "dropout in training": (
        at(13, lambda n: n.node("Dropout", dense(n), n.const(0.5), n.const(True, bool))),
        "training_mode must be false",
    ),
    "constant of two values": (
        at(13, lambda n: n.node("Add", dense(n), n.node("Constant", value_float=1.0, value_int=1))),
        "one value must be given, not 2",
    ),
    "too many steps": (
        clips,
        f"functions and maps between two quantizers must be at most {limits.STEPS}",
    ),
    "numbers too long": (squares, "must have at most 4096 bits and 8 square roots"),
    "too many roots": (roots, "must have at most 4096 bits and 8 square roots"),
    "numbers too large": (
        lambda n: n.node("Mul", dense(n), n.const(1e305, np.float64)),
        r"must be 0 or between 2\*\*-1000 and 2\*\*1000",
    ),
    "many steps of the input's quantizer": (
        lambda n: n.dense(n.quant("x", 0.5, bits=32.0), 6, 4),
        "activations must have at most 16 bits, not 32",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    check_refused(CASES[case], tmp_path, 1, 6)
