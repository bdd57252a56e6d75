"""Judges all cases of a rule at one opset, and counts what became of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx
from bitrill.frontend.reader.proto import OPSETS
from bitrill.frontend.rules.host import HOST
from bitrill.frontend.rules.signature import Signature
from bitrill.frontend.rules.table import RULES
from frontend.attributes.differential import Case, Verdict, verdict
from frontend.attributes.table import CASES

LATEST = min(OPSETS[-1], 25)


def rules() -> dict[tuple[str, str], Signature]:
    """Every operator that is accepted, in hardware or on the host."""
    return {k: r for k, r in (HOST | RULES).items() if not k[0].startswith("tests.")}


def opsets(rule: Signature, *, every: bool) -> list[int]:
    """The opsets that have the operator: all, or each end of what ONNX changed last and first."""
    if rule.domain:
        return [LATEST]
    has = [o for o in OPSETS if min(rule.inputs) <= o <= min(rule.last or LATEST, LATEST)]
    if every:
        return has
    versions = {onnx.defs.get_schema(rule.op, o).since_version: o for o in has}
    return sorted({min(versions.values()), max(versions.values())})


def cases(rule: Signature, opset: int) -> list[Case]:
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


def judge(
    rule: Signature, opset: int, folder: Path, *, every: bool
) -> tuple[Counter[str], list[str]]:
    """Count the cases of one opset by outcome, and list what is wrong."""
    outcomes: Counter[str] = Counter()
    wrong = []
    for case in cases(rule, opset):
        found = verdict(case, opset, folder, every=every)
        wrong += found.wrong
        if found.equal and not found.wrong:
            outcomes["equal"] += 1
        elif _has_reason(case, found):
            outcomes["refused"] += 1
        elif not found.wrong:
            wrong.append(f"{case} at opset {opset} is refused: {found.reasons}")
    return outcomes, wrong


def _has_reason(case: Case, found: Verdict) -> bool:
    reason = case.refused or case.invalid
    return bool(reason) and any(reason in why for why in found.reasons.values())
