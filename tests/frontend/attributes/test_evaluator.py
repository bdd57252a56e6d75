"""The float evaluator knows every accepted operator, and gives what the standard's judges give."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("qonnx")

from frontend.attributes.differential import Case, inputs, judged, model
from frontend.attributes.outcomes import opsets, rules
from frontend.attributes.table import CASES
from frontend.float_evaluator import evaluate
from frontend.float_numbers import Undecided

RULES = rules()
KEYS = sorted(RULES)


def compared(case: Case, opset: int) -> bool:
    """Compare one frame; a case that is refused may be unknown to the evaluator or the judge."""
    x = inputs(case, 1)
    try:
        want = judged(case, opset, x)
        got = evaluate(model(case, opset), x)
    except Undecided:
        return False
    except Exception:
        if not case.refused:
            raise
        return False
    assert got.v.shape == want.shape, f"{case} at opset {opset}"
    error = got.e + 2.0**-22 * (np.abs(want) + np.abs(x).max())  # of the judge's float32
    assert (np.abs(got.v - want) <= error).all(), f"{case} at opset {opset}: {got.v}, not {want}"
    return True


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_it_knows_each_operator(key: tuple[str, str]) -> None:
    opset = opsets(RULES[key], every=False)[-1]
    assert sum(compared(c, opset) for c in CASES[key](opset) if not c.invalid)


@pytest.mark.nightly
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_it_knows_each_opset(key: tuple[str, str]) -> None:
    for opset in opsets(RULES[key], every=True):
        assert sum(compared(c, opset) for c in CASES[key](opset) if not c.invalid)
