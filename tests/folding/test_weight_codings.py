"""Codings of weights: which is chosen, which a folding may ask for, which are refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.folding.fold import fold, folding_of
from bitrill.folding.weight_codings import cheapest, coding_choices, coding_of
from bitrill.ir import BIPOLAR, Graph, IntType, Sink, Source, Stage, Tensor, verify
from bitrill.lowering import to_target
from bitrill.ops import Depthwise, MatVec, MaxPool

U4, S4 = IntType(0, 15), IntType(-8, 7)
BOOK = (-97, -60, -3, 0, 5, 41, 77, 127)


def matvec(weights: Any, x: IntType = U4, weight_type: IntType | None = None) -> MatVec:
    w = np.atleast_2d(np.array(weights))
    t = weight_type or IntType.for_range(lo=int(w.min()), hi=int(w.max()))
    return MatVec(
        name="fc", inputs=("input",), operands=(Tensor((w.shape[1],), x),), weights=w, weight_type=t
    )


def graph(*nodes: Any) -> Graph:
    first, last = nodes[0], nodes[-1]
    return Graph(
        name="net",
        stage=Stage.INTEGER,
        source=Source(shape=first.x.shape, tensor=first.x, raw_scale="1"),
        nodes=nodes,
        sink=Sink(shape=last.y.shape, edge=last.name, tensor=last.y),
    )


def coding(folded: Graph, name: str = "fc") -> IntType:
    node: Any = folded[name]
    return node.weight_type


def depthwise(weights: Any, x: IntType = U4) -> Depthwise:
    w = np.array(weights)
    return Depthwise(
        name="dw",
        inputs=("input",),
        operands=(Tensor((w.size,), x),),
        weights=w,
        weight_type=IntType.for_range(lo=int(w.min()), hi=int(w.max())),
    )


def book(*entries: int) -> IntType:
    return IntType.of_entries(entries)


@pytest.mark.parametrize(
    ("weights", "x", "told"),
    [
        ([1, -1, 1, 1], U4, BIPOLAR),
        ([1, 0, -1, 1], U4, IntType(-1, 1)),
        ([1, 0, 1, 1], U4, IntType(0, 1)),
        ([4, -2, 0, 1], U4, book(-2, 0, 1, 4)),
        ([4, -2, 0, 1, -4, 2, -1], U4, IntType(-4, 4, "pot")),
        ([s << k for k in range(7) for s in (1, -1)], U4, IntType(-64, 64, "pot")),
        ([-3, 0, 5, 5], U4, book(-3, 0, 5)),
        (list(range(-8, 8)), U4, S4),
        (list(range(-128, 128)), U4, IntType(-128, 127)),
        ([-112, 0, 96, 31], U4, book(-112, 0, 31, 96)),
    ],
    ids=str,
)
def test_the_cheapest_that_holds_the_weights(weights: list, x: IntType, told: IntType) -> None:
    assert cheapest(matvec(weights, x)) == told
    folded = fold(graph(matvec(weights, x)), {})
    assert coding(folded) == told
    assert folded["fc"].y == matvec(weights, x).y


@pytest.mark.parametrize(
    ("name", "weights", "told"),
    [
        ("bipolar", [1, -1], BIPOLAR),
        ("ternary", [1, -1], IntType(-1, 1)),
        ("integer", [1, -1], IntType(-1, 1)),
        ("integer", [4, -2], IntType(-2, 4)),
        ("pot", [4, -2, 0], IntType(-4, 4, "pot")),
        ("pot", [0, 0], IntType(-1, 1, "pot")),
        ("pot2", [3, -6, 0], IntType(-8, 8, "pot", 2)),
        ("pot2", [1, 2], IntType(-2, 2, "pot", 2)),
        ("pot3", [7, 0], IntType(-12, 12, "pot", 3)),
        ("codebook", [7, 0, 7], book(0, 7)),
        ("codebook", [7, 7], book(0, 7)),
        ("codebook", [0, 0], book(0, 1)),
        ("codebook", BOOK, book(*BOOK)),
    ],
)
def test_a_folding_names_one(name: str, weights: list, told: IntType) -> None:
    folded = fold(graph(matvec(weights)), {"fc": {"coding": name}})
    verify(folded, Stage.FOLDED)
    assert coding(folded) == told
    assert folded["fc"].y == matvec(weights).y
    x = np.random.default_rng(1).integers(0, 16, (9, len(weights)))
    assert (folded.run(x) == graph(matvec(weights)).run(x)).all()


@pytest.mark.parametrize("name", [None, *coding_choices()])
def test_its_json_gives_it_again(name: str | None) -> None:
    whole = graph(matvec([1, -1, 1, -1], S4))
    folded = fold(whole, {} if name is None else {"fc": {"coding": name}})
    told = json.loads(json.dumps(folding_of(folded)))
    again = fold(whole, told)
    assert coding(again) == coding(folded)
    assert folding_of(again) == told
    assert told["fc"]["coding"] == coding_of(folded["fc"])["coding"]


def test_a_depthwise_kernel_has_one_too() -> None:
    node = depthwise([[4, 0, -2], [1, -1, 2]])
    assert coding(fold(graph(node), {}), "dw") == IntType(-4, 4, "pot")
    assert coding(fold(graph(node), {"dw": {"coding": "integer"}}), "dw") == IntType(-2, 4)


def test_other_styles_keep_their_weights() -> None:
    node = matvec([[4, 0, -2, 1]])
    assert coding(fold(graph(node), {}, "unrolled"), "fc") == IntType(-2, 4)
    told = {"fc": {"style": "unrolled", "coding": "pot"}}
    assert coding(fold(graph(node), told), "fc") == IntType(-4, 4, "pot")


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        (
            "pot",
            [[1, 2, 1, 0], [0, 2, 3, 3]],
            r"fc: weights of coding 'pot' must be values of pot\[-2\.\.2\], not 3"
            r" \(row 1, column 2\)",
        ),
        (
            "pot2",
            [[1, 3, 21, 7]],
            r"coding 'pot2' must be values of pot2\[-64\.\.64\], not 21 \(row 0, column 2\)",
        ),
        (
            "pot3",
            [[43]],
            r"coding 'pot3' must be values of pot3\[-192\.\.192\], not 43 \(row 0, column 0\)",
        ),
        (
            "bipolar",
            [[1, -1], [0, 1]],
            r"coding 'bipolar' must be values of bipolar, not 0 \(row 1, column 0\)",
        ),
        (
            "ternary",
            [[1, -2]],
            r"coding 'ternary' must be values of int2\[-1\.\.1\], not -2 \(row 0, column 1\)",
        ),
        ("codebook", [range(17)], "coding 'codebook' must have at most 16 values, not 17"),
        ("codebook", [[-129, 0]], r"coding 'codebook' must lie in -128\.\.127, not -129\.\.0"),
        ("codebook", [[128, 0]], r"coding 'codebook' must lie in -128\.\.127, not 0\.\.128"),
        ("huffman", [[1]], "fc: coding must be 'bipolar' or 'ternary' or .*, not 'huffman'"),
        ([], [[1]], r"fc: coding must be 'bipolar' or 'ternary' or .*, not \[\]"),
    ],
)
def test_refusals(name: str, weights: list, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        fold(graph(matvec([list(w) for w in weights])), {"fc": {"coding": name}})


def test_refusals_of_bits() -> None:
    agreements = matvec([1, -1], BIPOLAR, BIPOLAR)
    with pytest.raises(
        SpecError, match="must be 'bipolar' where x and weights are bipolar, not 'pot'"
    ):
        fold(graph(agreements), {"fc": {"coding": "pot"}})
    counts = matvec([1, -1], BIPOLAR, IntType(-1, 1))
    with pytest.raises(SpecError, match=r"other than 'bipolar' where x is bipolar and .* int2"):
        fold(graph(counts), {"fc": {"coding": "bipolar"}})
    assert coding(fold(graph(agreements), {}), "fc") == BIPOLAR


def test_only_matrices_have_one() -> None:
    pool = MaxPool(
        name="pool",
        inputs=("input",),
        operands=(Tensor((2, 2, 1), U4),),
        kernel=(2, 2),
        stride=(2, 2),
    )
    with pytest.raises(SpecError, match="pool: coding must be given for a matrix, not for maxpool"):
        fold(graph(pool), {"pool": {"coding": "pot"}})


def test_a_rate_is_solved_for_with_the_codings() -> None:
    """The solver sees the cheaper products, and what the folding names stands in its result."""
    whole = graph(matvec(np.resize([4, -4, 2, -2, 1, -1, 0], (8, 16))))
    folded, cheap = to_target(whole, clock_hz=10**8, fps=10**6)
    assert coding(folded) == IntType(-4, 4, "pot")
    told = {"fc": {"coding": "integer"}}
    folded, dear = to_target(whole, clock_hz=10**8, fps=10**6, folding=told)
    assert coding(folded) == IntType(-4, 4)
    assert cheap.resources.lcs < dear.resources.lcs
