"""ONNX's own node tests: what is accepted is equal, and so are both evaluators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from frontend import node_tests
from frontend.attributes.outcomes import rules
from frontend.node_tests import DATA, by_exact_evaluator, by_float_evaluator, by_importer, near

OPERATORS = {op for domain, op in rules() if not domain}
SHARE = 7
"""One of so many tests is run each time; all are at night."""


def outcomes(names: Sequence[str], folder: Path) -> tuple[Counter[tuple[str, str]], list[str]]:
    """What becomes of tests of accepted operators, by judge; and those that are wrong."""
    seen: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    for test in node_tests.node_tests(*names):
        if test.node.op_type not in OPERATORS:
            continue
        for judge in (by_float_evaluator, by_exact_evaluator, by_importer):
            what = judge(test, folder) if judge is by_importer else judge(test)
            seen[judge.__name__, what.partition(":")[0]] += 1
            if what.startswith("wrong"):
                wrong.append(f"{test.name}, {judge.__name__}: {what}")
    return seen, wrong


def test_a_share_of_the_node_tests(tmp_path: Path) -> None:
    names = sorted(f.name for f in DATA.iterdir())
    seen, wrong = outcomes(names[::SHARE], tmp_path)
    assert not wrong, "\n".join(wrong)
    judges = ("by_float_evaluator", "by_exact_evaluator", "by_importer")
    assert min(seen[judge, "equal"] for judge in judges) > 20


@pytest.mark.nightly
def test_all_node_tests(tmp_path: Path) -> None:
    _, wrong = outcomes(["*"], tmp_path)
    assert not wrong, "\n".join(wrong)


def test_a_wrong_value_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = node_tests.model_outputs
    (test,) = node_tests.node_tests("test_relu")
    assert by_importer(test, tmp_path) == "equal"
    off = lambda *a: {k: y + np.float32(1e-3) for k, y in right(*a).items()}  # noqa: E731
    monkeypatch.setattr(node_tests, "model_outputs", off)
    assert by_importer(test, tmp_path).startswith("wrong")


def test_nearness() -> None:
    one = np.ones(2, np.float32)
    assert near(one + 1e-7, one)
    assert not near(one + 1e-4, one)
    assert not near(one[:1], one)
    assert not near(np.array([1, 3]), np.array([1, 2]))
