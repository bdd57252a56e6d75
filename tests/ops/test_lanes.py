"""Lanes that do not fit are refused with the nearest that do, by every operator."""

from __future__ import annotations

import dataclasses
import re

import pytest
from bitrill.errors import SpecError
from bitrill.ir import Impl, Operator
from ops.suite import suite_of

TWO_SIDED = ("matvec", "l1matvec", "convert")
"""Kinds whose input and output lanes are chosen each by itself."""

EQUAL = (
    "add",
    "avgpool",
    "concat",
    "deconv",
    "depthwise",
    "fork",
    "lookup",
    "maxpool",
    "pad",
    "rearrange",
    "requantize",
    "shuffle",
    "split",
    "threshold",
    "upsample",
    "window",
)

NEAREST = re.compile(r"must divide (\d+) .+, not (\d+) \(nearest: (\d+)(?: or (\d+))?\)$")


def refusal(op: Operator, impl: Impl) -> str:
    """The error message of a folding; empty if it is legal."""
    try:
        op.validate_impl(impl)
    except SpecError as error:
        return str(error)
    return ""


def tried(op: Operator) -> list[list[str]]:
    """For each way to choose lanes, the refusals of 1, 2, .. lanes."""
    both = [("pe", "simd")] if op.kind in EQUAL else [("pe",), ("simd",)]
    top = 2 * max(op.x.size, op.y.size) + 2
    return [
        [
            refusal(op, dataclasses.replace(op.folded, **dict.fromkeys(keys, n)))
            for n in range(1, min(top, 200))
        ]
        for keys in both
    ]


@pytest.mark.parametrize("kind", [*EQUAL, *TWO_SIDED])
def test_a_refusal_names_the_nearest_lanes(kind: str) -> None:
    refused = 0
    for op in suite_of(kind)().instances().values():
        if (kind, op.folded.style) in (("window", "parallel"), ("matvec", "unrolled")):
            continue  # one folding alone: its message gives both numbers
        for messages in tried(op):
            legal = [n for n, message in enumerate(messages, 1) if not message]
            for n, message in enumerate(messages, 1):
                if not message:
                    continue
                found = NEAREST.search(message)
                assert found, message
                total, told, *near = (int(v) for v in found.groups() if v)
                assert told == n
                assert total % n
                assert near == sorted(
                    {*legal[: bisect(legal, n)][-1:], *legal[bisect(legal, n) :][:1]}
                )
                refused += 1
    assert refused > 5


def bisect(legal: list[int], n: int) -> int:
    """The number of entries of ``legal`` below n."""
    return sum(v < n for v in legal)
