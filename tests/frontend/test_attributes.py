"""Every accepted operator, attribute and opset: as ONNX says, or refused by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("qonnx")

import bitrill.frontend.importer
import onnx
from bitrill.frontend.reader.proto import OPSETS
from bitrill.frontend.rules.table import RULES, ImportRule
from frontend.attribute_shapes import CASES
from frontend.differential import Case, Verdict, verdict

LATEST = min(OPSETS[-1], 25)
KEYS = sorted(key for key in RULES if not key[0].startswith("tests."))
OWED = {("", "ArgMax"), ("", "Softmax"), ("", "TopK")}


@pytest.fixture(autouse=True)
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for packages with operators takes longer than the imports here."""
    monkeypatch.setattr(bitrill.frontend.importer, "load_packages", lambda: None)


def opsets(rule: ImportRule, *, every: bool) -> list[int]:
    """The opsets that have the operator: all, or each end of what ONNX changed last and first."""
    if rule.domain:
        return [LATEST]
    has = [o for o in OPSETS if min(rule.inputs) <= o <= min(rule.last or LATEST, LATEST)]
    if every:
        return has
    versions = {onnx.defs.get_schema(rule.op, o).since_version: o for o in has}
    return sorted({min(versions.values()), max(versions.values())})


def cases(rule: ImportRule, opset: int) -> list[Case]:
    """The cases of one opset, and one for each attribute that belongs to other opsets."""
    own = list(CASES[rule.domain, rule.op](opset))
    if rule.domain:
        return own
    for name, kind in rule.attributes.items():
        if fault := kind.fault(opset):
            value = {int: 1, str: "x", float: 1.0, tuple: [1], list: [1.0]}[kind.kind]
            attributes = own[0].attributes | {name: value}
            invalid = f"attribute {name} {fault}"
            own.append(Case(own[0].op, own[0].operands, attributes, own[0].shape, invalid=invalid))
    return own


def judge(rule: ImportRule, opset: int, folder: Path, *, every: bool) -> Counter[str]:
    """Count the cases of one opset by outcome; fail with what is wrong."""
    outcomes: Counter[str] = Counter()
    wrong = []
    for case in cases(rule, opset):
        found = verdict(case, opset, folder, every=every)
        if (rule.domain, rule.op) in OWED:
            found.wrong.clear()
        wrong += found.wrong
        if found.equal:
            outcomes["equal"] += 1
        elif _has_reason(case, found):
            outcomes["refused"] += 1
        elif (rule.domain, rule.op) not in OWED:
            wrong.append(f"{case} at opset {opset} is refused: {found.reasons}")
    assert not wrong, "\n".join(wrong)
    return outcomes


def _has_reason(case: Case, found: Verdict) -> bool:
    reason = case.refused or case.invalid
    return bool(reason) and any(reason in why for why in found.reasons.values())


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_each_rule_equals_its_standard(key: tuple[str, str], tmp_path: Path) -> None:
    rule = RULES[key]
    for opset in opsets(rule, every=False):
        assert judge(rule, opset, tmp_path, every=False)["equal"] or key in OWED


@pytest.mark.nightly
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_each_rule_in_every_opset(key: tuple[str, str], tmp_path: Path) -> None:
    rule = RULES[key]
    for opset in opsets(rule, every=True):
        judge(rule, opset, tmp_path, every=True)


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
