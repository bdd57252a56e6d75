"""The exact evaluator knows every accepted operator, and gives what the standard's judges give."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("qonnx")

from frontend.attributes.differential import Case, inputs, judged, model
from frontend.attributes.outcomes import opsets, rules
from frontend.attributes.table import CASES
from fuzz.evaluator import Invalid, Unsure
from fuzz.integer_evaluator import UNJUDGED, IntegerEvaluator

RULES = rules()
KEYS = sorted(RULES)
ENOUGH = 4
"""Cases of an operator that are compared in every run; all of them are at night."""


def compared(case: Case, opset: int) -> bool:
    """Compare one frame; what breaks ONNX's rules must not have a value."""
    x = inputs(case, 1)
    try:
        got = IntegerEvaluator(model(case, opset).SerializeToString()).run(x)
    except Unsure:
        return False
    except Invalid:
        assert case.invalid or case.refused, f"{case} at opset {opset}"
        return False
    assert not case.invalid, f"{case} at opset {opset}"
    want = judged(case, opset, x) if got.ndim else got
    assert got.shape == want.shape, f"{case} at opset {opset}"
    error = 2.0**-22 * (np.abs(want) + np.abs(x).max())  # of the judge's float32
    far = np.abs(got.astype(np.float64) - want.astype(np.float64)) > error
    assert not far.any(), f"{case} at opset {opset}: {got[far][:4]}, not {want[far][:4]}"
    return True


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_it_knows_each_operator(key: tuple[str, str]) -> None:
    opset, known = opsets(RULES[key], every=False)[-1], 0
    for case in CASES[key](opset):
        known += compared(case, opset)
        if known == ENOUGH:
            break
    assert (known > 0) is (key[1] not in UNJUDGED)


@pytest.mark.nightly
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_each_case_at_both_ends(key: tuple[str, str]) -> None:
    for opset in opsets(RULES[key], every=False):
        known = sum(compared(case, opset) for case in CASES[key](opset))
        assert (known > 0) is (key[1] not in UNJUDGED)
