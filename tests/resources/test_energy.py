"""The energy estimate: operations by hand, and how it answers to switching and folding."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.errors import StageError
from bitrill.folding.fold import fold
from bitrill.ir import Graph, Impl, IntType, Tensor, Work
from bitrill.ops import MatVec
from bitrill.resources.energy import (
    ADD_PJ,
    FPGA_FACTOR,
    SPREAD,
    Energy,
    ddr_nj,
    energies,
    energy_nj,
)
from support import integer_mlp

UINT4 = IntType(0, 15)
INT4 = IntType(-8, 7)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return fold(integer_mlp(16, 8, 4), {})


def matvec(**impl: object) -> MatVec:
    return MatVec(
        name="m",
        inputs=("input",),
        operands=(Tensor((8,), UINT4),),
        weights=np.arange(32).reshape(4, 8) % 16 - 8,
        weight_type=INT4,
        impl=Impl(**{"pe": 2, "simd": 4} | impl),  # pyright: ignore[reportArgumentType]
    )


def test_work_of_a_folded_matrix() -> None:
    """32 products of 4 by 4 bits: 2 x 2 steps read 2 x 4 weights; x goes in once and out twice."""
    op = matvec()
    sums = 4 * 2 * op.y.type.bits
    moved = 32 * 4 + 8 * 4 * (1 + 2)
    assert op.work() == Work(add_bits=32 * 8 + sums, product_bits=32 * 16, lut_bits=moved)


def test_work_in_block_memory_and_slices() -> None:
    block = matvec(memory="block").work()
    assert (block.block_bits, block.lut_bits) == (32 * 4, 8 * 4 * 3)
    slices = matvec(multiply="dsp", primitives="xc7").work()
    assert (slices.slice_bits, slices.product_bits) == (32 * 16, 0)


def test_the_estimate_is_the_documented_sum(graph: Graph) -> None:
    matrix = next(n for n in graph.nodes if isinstance(n, MatVec))
    work, energy = matrix.work(), energies(graph)[matrix.name]
    logic = FPGA_FACTOR * (ADD_PJ * work.add_bits) / 1000
    assert work.product_bits == 0
    assert energy.operations == pytest.approx(logic)
    assert energy.total == energy.operations + energy.memory + energy.fabric
    assert energy.range == (energy.total / SPREAD, energy.total * SPREAD)


def test_energy_sums_all_nodes_and_fifos(graph: Graph) -> None:
    parts = energies(graph)
    assert set(parts) == {n.name for n in graph.nodes} | {"fifos"}
    assert energy_nj(graph) == pytest.approx(sum(parts.values(), Energy()).total)
    assert ddr_nj(graph) > 0


def test_more_switching_takes_more_fabric_and_nothing_else(graph: Graph) -> None:
    name = graph.nodes[0].name
    quiet, busy = (energies(graph, {name: s}) for s in (0.0, 0.5))
    assert quiet[name].fabric < busy[name].fabric
    assert quiet[name].operations == busy[name].operations
    others = [n for n in quiet if n not in (name, "fifos")]
    assert [quiet[n] for n in others] == [busy[n] for n in others]


def test_a_graph_must_be_folded() -> None:
    with pytest.raises(StageError, match="folded"):
        energy_nj(integer_mlp(4, 2))
