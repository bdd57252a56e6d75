"""The functions at a model's end in C, against those of the Python driver: each one, and chains."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.ir import IntType
from bitrill_boards import c_driver
from bitrill_boards.driver.functions import FUNCTIONS
from bitrill_boards.driver.outputs import Outputs, attribute
from boards.c_driver.compiled import applied, c_type, program
from boards.c_driver.test_values import described, edge, meaning

_WORDS = (
    "Elu Erf Exp Gelu HardSigmoid HardSwish Log LogSoftmax Mish Pow ReduceMean ReduceSum Selu"
    " Sigmoid Softmax Softplus Swish Tanh"
)
ROUNDED = set(_WORDS.split())
"""Functions of a library, or sums in another order: equal up to some units in the last place."""


def number(value: float) -> dict[str, Any]:
    return {"shape": [], "floats": [value.hex()]}


PER_CHANNEL = {"shape": [1, 4, 1, 1], "floats": [v.hex() for v in (0.1, -0.2, 0.3, 1.5)]}


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Functions of one value ``[N, 4, 2, 3]``, with all kinds of attributes."""
    plain = (
        "Abs Ceil Erf Exp Floor HardSwish Log Mish Neg Reciprocal Relu Round Sigmoid Sign Softplus"
        " Softsign Sqrt Tanh Elu HardSigmoid Selu Swish"
    )
    made: list[tuple[str, dict[str, Any]]] = [(op, {}) for op in plain.split()]
    made += [("ThresholdedRelu", {"alpha": number(0.7)}), ("Elu", {"alpha": number(0.3)})]
    made += [("Clip", {"min": number(-0.5)}), ("LeakyRelu", {"slope": number(0.01)})]
    made += [
        ("Clip", {"min": number(-0.5), "max": number(1.25)}),
        ("PRelu", {"slope": PER_CHANNEL}),
    ]
    made += [("Gelu", {"approximate": a}) for a in ("none", "tanh")]
    for op, reverse in product(("Add", "Sub", "Mul", "Max"), (0, 1)):
        made.append((op, {"value": PER_CHANNEL, "reverse": reverse}))
    made += [("Div", {"value": PER_CHANNEL, "reverse": 0})]
    made += [(op, {"value": number(2.0), "reverse": 0}) for op in ("Pow", "Min")]
    for op, (axis, rest) in product(("Softmax", "LogSoftmax"), ((1, 0), (3, 0), (1, 1))):
        made.append((op, {"axis": axis, "rest": rest}))
    for op, (axis, keep) in product(("ArgMax", "ArgMin"), ((3, 0), (1, 1))):
        made.append((op, {"axis": axis, "keepdims": keep, "last": keep}))
    for op, axes in product(("Max", "Min", "Mean", "Sum"), ([2, 3], [-1])):
        made.append((f"Reduce{op}", {"axes": axes, "keepdims": 1}))
    for op, largest in product(("TopK", "TopKIndices"), (0, 1)):
        made.append((op, {"axis": 1, "k": 3, "largest": largest}))
    made += [("Cast", {"to": to}) for to in ("float32", "int64", "bool")]
    made += [("Reshape", {"shape": [8, 3]}), ("Transpose", {"perm": [0, 2, 3, 1]})]
    cut = {"axes": [1, 3], "starts": [3, 0], "sizes": [2, 2], "steps": [-2, 1]}
    order = {"shape": [4], "integers": [7, 0, 0, 23]}
    return [*made, ("Slice", cut), ("Reorder", {"order": order, "shape": [2, 2]})]


def functions() -> list[dict[str, Any]]:
    """Value 0 is the network's, 2 is above 0; then each function of either, and of both."""
    made: list[dict[str, Any]] = [
        {"op": "Abs", "inputs": [0], "attributes": {}},
        {"op": "Add", "inputs": [1], "attributes": {"value": number(0.125)}},
    ]
    for op, attributes in cases():
        above = 2 if op in ("Log", "Sqrt") else 0
        made.append({"op": op, "inputs": [above], "attributes": attributes})
    for op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Concat"):
        attributes = {"axis": 2} if op == "Concat" else {}
        made.append({"op": op, "inputs": [2, 0], "attributes": attributes})
    mean = 1 + next(k for k, f in enumerate(made) if f["op"] == "ReduceMean")
    made.append({"op": "Sub", "inputs": [0, mean], "attributes": {}})  # one number a channel
    return made


def spec() -> dict[str, Any]:
    """A network whose outputs are all values, in float64 or integers, the first one in float32."""
    out = {**edge(IntType(-40, 40), (2, 3, 4), True), **meaning([0.1, 0.2, -0.3, 0.05], [0.03])}
    values = [np.ones((1, 4, 2, 3))]
    named = []
    for k, f in enumerate(functions()):
        attributes = {a: attribute(v) for a, v in f["attributes"].items()}
        values.append(
            np.asarray(FUNCTIONS[f["op"]](*(values[i] for i in f["inputs"]), **attributes))
        )
        kind = "int64" if values[-1].dtype.kind == "i" else "float32" if k == 0 else "float64"
        named.append({"name": f"y{k}", "shape": list(values[-1].shape[1:]), "dtype": kind})
        named[-1]["value"] = k + 1
    out |= {"functions": functions(), "outputs": named}
    return described(edge(IntType(0, 3), (4,), False), out, None, None)


def main_of(made: dict[str, Any]) -> str:
    """A program that computes the outputs of integers on stdin."""
    arrays, names = "", ["integers", "work"]
    for o in made["output"]["outputs"]:
        size = int(np.prod(o["shape"]))
        kind = {"float32": "float", "float64": "double", "int64": "int64_t"}[o["dtype"]]
        arrays += f"    static {kind} {o['name']}[{size}];\n"
        names.append(o["name"])
    writes = "".join(f"        fwrite({n}, sizeof {n}, 1, stdout);\n" for n in names[2:])
    return (
        '#include "net.h"\n#include <stdio.h>\nint main(void)\n{\n'
        "    static net_out integers[NET_OUTPUTS];\n    static double work[NET_WORK];\n"
        f"{arrays}    while (fread(integers, sizeof integers, 1, stdin) == 1) {{\n"
        f"        net_apply({', '.join(names)});\n{writes}    }}\n    return 0;\n}}\n"
    )


def test_every_function_is_that_of_the_python_driver(tmp_path: Path) -> None:
    made = spec()
    (tmp_path / "main.c").write_text(main_of(made))
    path = program(made, str(tmp_path / "main.c"), tmp_path, "-O0")
    y = np.random.default_rng(4).integers(-40, 41, (200, 4, 2, 3))
    found = applied(path, "", y.astype(c_type(made["output"])), np.uint8)
    wanted = Outputs(made["output"]).of(y.transpose(0, 2, 3, 1))
    at = 0
    for f, o in zip(functions(), made["output"]["outputs"], strict=True):
        want = wanted[o["name"]].reshape(200, -1)
        size = want.shape[1] * want.itemsize
        got = np.ascontiguousarray(found[:, at : at + size]).view(want.dtype)
        at += size
        if f["op"] in ROUNDED:
            np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-15, err_msg=str(f))
        else:
            np.testing.assert_array_equal(got, want, err_msg=str(f))
    assert at == found.shape[1]


def test_every_function_has_a_case() -> None:
    assert {f["op"] for f in functions()} == set(FUNCTIONS)


@pytest.mark.parametrize(
    ("op", "attributes", "named"),
    [
        ("Cast", {"to": "float16"}, "Cast to float16"),
        ("ReduceSum", {"axes": [1, 3], "keepdims": 1}, r"axes \[1, 3\]"),
    ],
)
def test_what_has_no_form_in_c_is_told(op: str, attributes: dict, named: str) -> None:
    made = spec()
    f = {"op": op, "inputs": [0], "attributes": attributes}
    made["output"] |= {"functions": [f], "outputs": [made["output"]["outputs"][0]]}
    header = c_driver.sources(made)["bitrill.h"]
    assert "_apply" not in header
    assert f"outputs are not computed in C: {named}".replace("\\", "") in header
