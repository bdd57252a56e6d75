# amaranth: UnusedElaboratable=no
"""Codings defined in a test file: from weights to Verilog, without an edit elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError, StorageError
from bitrill.folding.fold import folding_of
from bitrill.ir import Coding, Graph, IntType, Sink, Source, Stage, Tensor
from bitrill.ir.coding import CODINGS, DigitReader, R
from bitrill.ir.codings import Integer
from bitrill.ir.serialisation import digest, load, save
from bitrill.lowering import to_folded
from bitrill.ops import MatVec
from bitrill_hw.design.verilog import verilog
from bitrill_sim import verify

U4, LOG = IntType(0, 15), IntType(0, 64, "log2")


@dataclass(frozen=True)
class Scaled(Coding):
    """The multiples of ``step``, a power of two, each stored as the integer ``value / step``."""

    step: int = 2

    word = "scaled"

    @property
    def _stored(self) -> Integer:
        return Integer(self.lo // self.step, self.hi // self.step)

    @property
    def bits(self) -> int:
        return self._stored.bits

    def values(self) -> np.ndarray:
        return self.step * self._stored.values()

    def encode(self, values: np.ndarray) -> np.ndarray:
        return self._stored.encode(values // self.step)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return self.step * self._stored.decode(codes)

    def digits(self, reader: DigitReader[R]) -> R:
        stored = self._stored
        return reader.binary(stored.bits, stored.lo, stored.hi, self.step.bit_length() - 1)

    @classmethod
    def fitting(cls, choice: str, weights: np.ndarray, given: Coding) -> Coding:
        step = 4 if (weights % 4 == 0).all() else 2
        lo, hi = (int(end) // step * step for end in (weights.min(), weights.max()))
        return cls(lo, hi, step)

    def __str__(self) -> str:
        return f"scaled{self.step}[{self.lo}..{self.hi}]"


@dataclass(frozen=True)
class Odd(Coding):
    """The odd numbers, the highest first; the rest is what most codings do."""

    word = "odd"

    @property
    def bits(self) -> int:
        return max(1, (self.n_values - 1).bit_length())

    def values(self) -> np.ndarray:
        return np.arange(self.lo | 1, self.hi + 1, 2)

    def encode(self, values: np.ndarray) -> np.ndarray:
        return self.n_values - 1 - super().encode(values)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return super().decode(np.maximum(self.n_values - 1 - codes, 0))

    def __str__(self) -> str:
        return f"odd[{self.lo}..{self.hi}]"


KINDS = [CODINGS.pop(kind.word) for kind in (Scaled, Odd)]
"""Known in this file alone: other tests list the codings that there are."""

CASES: dict[str, tuple[Coding, IntType]] = {
    "scaled": (Scaled(-8, 6), U4),
    "scaled by 4": (Scaled(0, 28, 4), IntType(-8, 7)),
    "scaled, log x": (Scaled(-14, 14), LOG),
    "odd": (Odd(-5, 7), U4),
    "odd, bipolar x": (Odd(-5, 7), IntType(-1, 1, "bipolar")),
    "many odd ones, log x": (Odd(-127, 127), LOG),
}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in KINDS:
        monkeypatch.setitem(CODINGS, kind.word, kind)


def network(weights: Coding, x: IntType) -> Graph:
    """A network of one matrix, whose integer weights type ``weights`` can hold."""
    w = np.random.default_rng(1).choice(weights.values(), (6, 12))
    w[0, :2] = weights.lo, weights.hi
    edge = Tensor((12,), x)
    fc = MatVec(
        name="fc",
        inputs=("input",),
        operands=(edge,),
        weights=w,
        weight_type=IntType.for_range(lo=int(w.min()), hi=int(w.max())),
    )
    return Graph(
        name="own",
        stage=Stage.INTEGER,
        source=Source(shape=(12,), tensor=edge, raw_scale="1"),
        nodes=(fc,),
        sink=Sink(shape=(6,), edge="fc", tensor=fc.y),
    )


def folded(name: str) -> Graph:
    own, x = CASES[name]
    return to_folded(network(own, x), folding={"fc": {"pe": 2, "simd": 4, "coding": own.choice}})


def weight_type(graph: Graph) -> IntType:
    node: Any = graph["fc"]
    return node.weight_type


@pytest.mark.parametrize("name", CASES)
def test_a_folding_asks_for_it_and_every_beat_is_right(name: str, tmp_path: Path) -> None:
    own, x = CASES[name]
    graph, plain = folded(name), network(own, x)
    assert weight_type(graph) == IntType.of(own)
    assert folding_of(graph)["fc"]["coding"] == own.choice
    inputs = np.random.default_rng(2).choice(x.values(), (9, 12))
    assert np.array_equal(graph.run(inputs), plain.run(inputs))
    verify(graph, None, inputs, engine="amaranth", stall=0.3, work=tmp_path).check()


def test_its_verilog_is_right_and_comes_again_from_a_file(tmp_path: Path) -> None:
    graph = folded("scaled by 4")
    save(graph, tmp_path / "graph")
    again = load(tmp_path / "graph")
    assert weight_type(again) == weight_type(graph)
    assert digest(again) == digest(graph)
    source = verilog(again)
    assert source == verilog(graph)
    (tmp_path / "top.v").write_text(source)
    inputs = np.random.default_rng(3).choice(graph.source.tensor.type.values(), (50, 12))
    verify(again, tmp_path / "top.v", inputs, stall=0.2).check()


def test_it_is_chosen_only_where_a_folding_names_it() -> None:
    graph = to_folded(network(*CASES["odd"]))
    assert weight_type(graph).coding.automatic
    with pytest.raises(SpecError, match="'codebook' or 'scaled' or 'odd', not 'x'"):
        to_folded(network(*CASES["odd"]), folding={"fc": {"coding": "x"}})
    with pytest.raises(SpecError, match=r"'scaled' must be values of scaled2\[-6..6\], not -5"):
        to_folded(network(*CASES["odd"]), folding={"fc": {"coding": "scaled"}})


def test_a_file_with_an_unknown_coding_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(folded("odd"), tmp_path)
    monkeypatch.delitem(CODINGS, "odd")
    with pytest.raises(
        StorageError, match=r"coding must be one of 'bipolar', 'integer'.*not 'odd'"
    ):
        load(tmp_path)


def test_weights_alone_have_it() -> None:
    with pytest.raises(SpecError, match="type must be bipolar, integer or log2, not odd"):
        Tensor((2,), IntType(-5, 7, "odd"))


def test_a_word_has_one_class() -> None:
    with pytest.raises(SpecError, match=r"'odd', which is that of .*test_own_coding\.Odd"):

        class Other(Coding):
            word = "odd"

    with pytest.raises(SpecError, match=r"the coding .*Nameless must have a word"):

        class Nameless(Coding):
            pass


def test_a_forgotten_member_is_named() -> None:
    with pytest.raises(SpecError, match="coding 'short' must have bits, values"):

        class Short(Coding):
            word = "short"

            def __str__(self) -> str:
                return "short"

    assert "short" not in CODINGS
