"""A constant of a type that ONNX forbids is refused: integers for floats, floats for integers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend import load_model
from frontend.attributes.differential import NETWORKS, Case, X, network
from frontend.attributes.outcomes import opsets, rules
from frontend.attributes.table import CASES
from frontend.onnx_models import save
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


def test_other_operators_take_any_type() -> None:
    without = set(KEYS)
    for op in KEYS:
        for opset in opsets(RULES["", op], every=False):
            if any(True for case in CASES["", op](opset) for _ in mistyped(case, opset)):
                without.discard(op)
    assert without == set(ANY_TYPE.split())
