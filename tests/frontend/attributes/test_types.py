"""A constant of a type that its operator does not take is refused.

Integers for floats and floats for integers, by the schemas of ONNX; and any type for another in the
operators on integers, by ONNX Runtime, which knows the types of its own operators.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as runtime
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend import load_model
from bitrill.frontend.rules.table import MICROSOFT
from frontend.attributes.differential import NETWORKS, Case, X, network
from frontend.attributes.outcomes import opsets, rules
from frontend.attributes.table import CASES
from frontend.onnx_models import save
from onnx import TensorProto, helper, numpy_helper
from support import nightly

RULES = rules()
KEYS = sorted(op for domain, op in RULES if not domain)
OTHER = {"float32": "int64", "int64": "float32"}
ANY_TYPE = (
    "Abs ArgMax ArgMin Cast Constant DepthToSpace Identity Neg Shape Sign SpaceToDepth Transpose"
)
"""Operators whose cases have data alone, of every type."""

ONNX_NAME = {"float32": "tensor(float)", "int64": "tensor(int64)"}


def mistyped(case: Case, opset: int) -> Iterator[Case]:
    """The case with one operand of another type, its numbers rounded, where ONNX forbids it."""
    inputs = onnx.defs.get_schema(case.op, opset).inputs
    formal = [inputs[min(i, len(inputs) - 1)] for i in range(len(case.operands))]
    data = np.arange(np.prod(case.shape), dtype=np.float32).reshape(1, *case.shape)
    arrays = [
        data if o is X else None if isinstance(o, str) else np.asarray(o) for o in case.operands
    ]
    for i, array in enumerate(arrays):
        if array is None or array.dtype.name not in OTHER:
            continue
        other = OTHER[array.dtype.name]
        beside = [
            a.dtype.name
            for k, a in enumerate(arrays)
            if k != i and a is not None and formal[k].type_str == formal[i].type_str
        ]
        if ONNX_NAME[other] not in formal[i].types or any(name != other for name in beside):
            operands = [*case.operands]
            operands[i] = np.where(np.rint(array) == 0, 1, np.rint(array)).astype(other)
            yield replace(case, operands=tuple(operands))


@pytest.mark.parametrize("op", KEYS)
@pytest.mark.parametrize("every", [False, *nightly(True)])
def test_a_constant_of_another_type_is_refused(every: bool, op: str, tmp_path: Path) -> None:
    accepted = [
        f"{wrong} at opset {opset}, {kind}"
        for opset in opsets(RULES["", op], every=every)[0 if every else -1 :]
        for case in CASES["", op](opset)
        for wrong in mistyped(case, opset)
        for kind in (NETWORKS if every else ["quantized"])
        if accepts(network(wrong, opset, kind), tmp_path)
    ]
    assert accepted == []


def accepts(proto: onnx.ModelProto, folder: Path) -> bool:
    try:
        load_model(save(proto, folder))
    except UnsupportedError:
        return False
    return True


def accepted_cases(key: tuple[str, str]) -> list[Case]:
    """The cases of an operator that are accepted at the last opset."""
    cases = CASES[key](opsets(RULES[key], every=False)[-1])
    return [case for case in cases if not case.refused and not case.invalid]


ON_INTEGERS = [
    key
    for key in sorted(RULES)
    if key[0] == MICROSOFT
    or key[1].startswith("QLinear")
    or key[1].endswith(("Integer", "QuantizeLinear", "DequantizeLinear"))
    if accepted_cases(key)
]
STORED = [
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "bool",
    "float16",
    "float32",
    "float64",
]


def retyped(case: Case) -> Iterator[Case]:
    """The case with one constant of each other type, its numbers rounded."""
    for i, operand in enumerate(case.operands):
        if isinstance(operand, str):
            continue
        array = np.asarray(operand)
        numbers = np.where(np.rint(array) == 0, array.dtype.kind == "f", np.rint(array))
        for kind in STORED:
            if kind != array.dtype.name:
                operands = [*case.operands]
                operands[i] = numbers.astype(kind)
                yield replace(case, operands=tuple(operands))


def forbidden(case: Case, opset: int) -> bool:
    """Whether ONNX Runtime finds a type wrong in a model of this node alone."""
    names = [f"c{i}" if not isinstance(o, str) else o for i, o in enumerate(case.operands)]
    data = TensorProto.FLOAT if case.head is None else TensorProto.INT8
    constants = [
        numpy_helper.from_array(np.asarray(o), n)
        for n, o in zip(names, case.operands, strict=True)
        if not isinstance(o, str)
    ]
    made = helper.make_node(case.op, names, ["y"], domain=case.domain, **case.attributes)
    x = helper.make_tensor_value_info(X, data, [1, *case.shape])
    y = helper.make_value_info("y", onnx.TypeProto())
    graph = helper.make_graph([made], "one", [x], [y], constants)
    opsets_ = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
    proto = helper.make_model(graph, opset_imports=opsets_, ir_version=10)
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        runtime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        return "Type Error" in str(error) or "bound to different types" in str(error)
    return False


@pytest.mark.parametrize("key", ON_INTEGERS, ids="-".join)
@pytest.mark.parametrize("every", [False, *nightly(True)])
def test_operators_on_integers_take_their_own_types(
    every: bool, key: tuple[str, str], tmp_path: Path
) -> None:
    opset = opsets(RULES[key], every=False)[-1]
    cases = accepted_cases(key)
    wrong = [
        str([np.asarray(o).dtype.name for o in other.operands if not isinstance(o, str)])
        for case in (cases if every else cases[-1:])
        for other in retyped(case)
        if accepts(network(other, opset, "quantized"), tmp_path) and forbidden(other, opset)
    ]
    assert wrong == []


def test_the_runtime_tells_types() -> None:
    bias = 6
    case = next(
        c
        for c in CASES[MICROSOFT, "QGemm"](13)
        if len(c.operands) > bias and not isinstance(c.operands[bias], str)
    )
    assert not forbidden(case, 13)
    others = [c for c in retyped(case) if c.operands[bias] is not case.operands[bias]]
    assert [forbidden(c, 13) for c in others] == [True] * (len(STORED) - 1)


def test_other_operators_take_any_type() -> None:
    without = set(KEYS)
    for op in KEYS:
        for opset in opsets(RULES["", op], every=False):
            if any(True for case in CASES["", op](opset) for _ in mistyped(case, opset)):
                without.discard(op)
    assert without == set(ANY_TYPE.split())
