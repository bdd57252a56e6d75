"""Places of tables in logic or block memory, and how full the blocks are."""

from __future__ import annotations

import dataclasses

import pytest
from bitrill.errors import StageError
from bitrill.folding.fold import fold
from bitrill.ir.structure import block_halves
from bitrill.parts.memories import (
    LUTS_OF_HALF,
    halves,
    logic_luts,
    place,
    shared_halves,
    spilled,
    worth_block,
)
from bitrill.resources.estimate import BlockUse, block_use
from support import integer_mlp


@pytest.mark.parametrize(
    ("depth", "width", "block"),
    [
        (1, 500, False),  # a constant
        (64, 36, False),  # 36 LUTs
        (256, 36, False),  # 144
        (512, 36, True),  # 389
        (512, 16, False),  # 173
        (1024, 18, True),
        (16384, 1, True),
    ],
)
def test_block_memory_pays_from_190_luts_a_half_on(depth: int, width: int, block: bool) -> None:
    assert worth_block(depth, width) == block
    if depth > 1:
        assert (logic_luts(depth, width) > LUTS_OF_HALF * block_halves(depth, width)) == block


@pytest.mark.parametrize(
    ("depth", "width", "same", "found"),
    [
        (512, 18, False, 1),  # two of 512 words behind each other in one of 1024
        (512, 19, False, 2),
        (1024, 9, False, 1),
        (1024, 18, False, 2),
        (1024, 18, True, 1),  # one table, read at two places
        (300, 18, False, 1),
    ],
)
def test_two_tables_in_one_memory(depth: int, width: int, same: bool, found: int) -> None:
    assert shared_halves(depth, width, same=same) == found


def test_tables_share_where_that_takes_less() -> None:
    assert place(512, 13, 4) == "shared"
    assert [halves(512, 13, n) for n in (1, 2, 3, 4, 5)] == [0, 1, 2, 2, 3]
    assert place(512, 13, 1) == "distributed"
    assert place(512, 36, 2) == "block"
    assert place(64, 13, 2) == "distributed"
    assert place(1024, 18, 2) == "block"
    assert place(1024, 18, 2, same=True) == "shared"


@pytest.mark.parametrize(
    ("depth", "width", "rest"),
    [
        (64, 784, 28),  # 21 halves of 36 bits
        (64, 72, 0),
        (64, 256, 4),
        (64, 36, 0),
        (64, 1, 0),
        (1024, 20, 2),
        (512, 60, 0),  # 24 bits would take 259 LUTs
    ],
)
def test_what_fills_no_block_stays_in_logic(depth: int, width: int, rest: int) -> None:
    assert spilled(depth, width) == rest


def test_blocks_of_a_network_and_their_filling() -> None:
    graph = integer_mlp(784, 64, 10)
    assert str(block_use(fold(graph, {}))) == "none"
    folded = fold(graph, {"fc0": {"memory": "block"}})
    assert folded["fc0"].unit.fills_blocks(folded["fc0"])
    found = block_use(folded)
    assert found == BlockUse(21, 756 * 64)
    assert str(found) == "21 RAMB18, filled 12 %"


def test_other_families_fill_nothing() -> None:
    op = fold(integer_mlp(784, 64, 10), {"fc0": {"memory": "block"}})["fc0"]
    impl = dataclasses.replace(op.folded, primitives="ice40")
    op = op.replace(impl=impl)
    assert not op.unit.fills_blocks(op)


def test_only_folded_graphs_have_blocks() -> None:
    with pytest.raises(StageError, match="must be folded to have block memories, and is integer"):
        block_use(integer_mlp(8, 4, 3))
