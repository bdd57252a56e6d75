"""Resources of writable and streamed weights: folded ones, plus registers or words."""

from __future__ import annotations

from typing import Any

import pytest
from bitrill.lowering import to_folded
from bitrill.resources.estimate import network_resources, resources
from support import integer_mlp

FOLDING = {name: {"primitives": "xc7", "memory": "distributed"} for name in ("fc0", "act0", "fc1")}


def node(style: Any, name: str, levels: int = 1) -> Any:
    graph = integer_mlp(128, 64, 10, levels=levels)
    return to_folded(graph, folding=FOLDING, style=style)[name]


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("name", ["fc0", "fc1"])
def test_registers_come_on_top(name: str, levels: int) -> None:
    open_, constant = (node(s, name, levels) for s in ("runtime", "folded"))
    more = resources(open_).lcs - resources(constant).lcs
    words = open_.folded.pe * open_.folded.simd
    assert words // 32 <= more <= 2 * words + 100
    assert open_.structure().lcs["shown"] >= 32


def test_words_take_the_place_of_a_table() -> None:
    op = node("streamed", "fc0")
    s = op.structure()
    assert "table" not in s.lcs
    assert s.lcs["words"] == op.folded.pe * op.folded.simd
    assert s.bram18 == 0


def test_thresholds_are_compared_in_all_their_bits() -> None:
    op = node("runtime", "act0", 3)
    assert op.structure().lcs["compare"] == op.folded.pe * 3 * op.x.type.bits


@pytest.mark.parametrize("style", ["runtime", "streamed"])
def test_networks_are_counted(style: Any) -> None:
    graph = to_folded(integer_mlp(128, 64, 10), style=style)
    assert sum(r.lcs for r in network_resources(graph).values()) > 100
