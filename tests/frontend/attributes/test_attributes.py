"""Every accepted operator, attribute and opset: as ONNX says, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("qonnx")

from frontend.attributes.outcomes import LATEST, judge, opsets, rules
from frontend.attributes.table import CASES

RULES = rules()
KEYS = sorted(RULES)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_each_rule_equals_its_standard(key: tuple[str, str], tmp_path: Path) -> None:
    rule, equal = RULES[key], 0
    for opset in opsets(rule, every=False):
        counts, wrong = judge(rule, opset, tmp_path, every=False)
        assert not wrong, "\n".join(wrong)
        equal += counts["equal"]
    assert equal or all(c.refused for c in CASES[key](LATEST))


@pytest.mark.nightly
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_each_rule_in_every_opset(key: tuple[str, str], tmp_path: Path) -> None:
    for opset in opsets(RULES[key], every=True):
        _, wrong = judge(RULES[key], opset, tmp_path, every=True)
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_each_attribute_and_input_has_cases(key: tuple[str, str]) -> None:
    """Each attribute with two values or without, each optional input with and without."""
    rule = RULES[key]
    every = [c for o in opsets(rule, every=True) for c in CASES[key](o)]
    for name, kind in rule.attributes.items():
        if not rule.domain and all(kind.fault(o) for o in opsets(rule, every=True)):
            continue
        values = {str(c.attributes.get(name)) for c in every}
        assert len(values) > 1, f"attribute {name} of {rule.op} needs cases of different values"
    ends = {n for o in opsets(rule, every=True) for n in rule.counts(o) if n <= 8}
    assert {len(c.operands) for c in every} >= ends, f"{rule.op} needs cases of {ends} inputs"
