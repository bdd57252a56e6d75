"""The folding key ``multiply``: what follows from it, and what is refused."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from bitrill.errors import FitError, SpecError
from bitrill.folding.fold import fold, folding_of
from bitrill.ir import BIPOLAR, IntType
from bitrill.ir.activation import Quantizer
from bitrill.lowering import to_integer, to_target
from bitrill.parts.devices import part_of
from bitrill.resources.estimate import network_resources
from networks import mlp

INT4 = IntType(-7, 7)


def network(weights: IntType = INT4, sizes: tuple[int, ...] = (12, 6, 4, 3)) -> Any:
    return to_integer(
        mlp(sizes, weights=weights, quantizer=Quantizer(IntType(0, 7)), x=IntType(0, 15), seed=3)
    )


@pytest.mark.parametrize("multiply", ["serial", "dsp"])
def test_its_json_gives_it_again(multiply: str) -> None:
    whole = network()
    folded = fold(whole, {"fc0": {"multiply": multiply}, "fc1": {"multiply": multiply, "pe": 2}})
    told = json.loads(json.dumps(folding_of(folded)))
    assert told["fc0"]["multiply"] == told["fc1"]["multiply"] == multiply
    assert (told["fc2"]["multiply"], told["act0"]["multiply"]) == ("lut", "lut")
    assert folding_of(fold(whole, told)) == told
    assert folded["fc0"].folded.primitives == ("xc7" if multiply == "dsp" else "portable")


def test_a_rate_is_solved_for_with_it() -> None:
    """Cycles of all pairs of planes count, so a serial layer gets more lanes."""
    whole = network()
    lanes = {}
    for multiply in ("lut", "serial", "dsp"):
        graph, _ = to_target(
            whole, clock_hz=10**8, fps=Fraction(10**8, 400), folding={"fc0": {"multiply": multiply}}
        )
        node = graph["fc0"]
        assert node.folded.multiply == multiply
        assert node.interval <= 400
        lanes[multiply] = node.folded.pe * node.folded.simd
    assert lanes["serial"] > lanes["lut"] == lanes["dsp"]


def test_an_activation_that_multiplies_in_slices_requantizes() -> None:
    folded = fold(network(), {"act0": {"multiply": "dsp", "pe": 2}})
    act = folded["act0"]
    assert (act.kind, act.folded.primitives, act.structure().dsp) == ("requantize", "xc7", 2)


def test_slices_are_counted_and_limited_by_the_part() -> None:
    whole = network(sizes=(64, 64, 3))
    told = {"fc0": {"pe": 16, "simd": 32, "multiply": "dsp"}}
    graph = fold(whole, told)
    used = network_resources(graph)["fc0"]
    assert used.dsp == 6 * 32
    assert str(used).endswith(", 192 DSPs")
    with pytest.raises(FitError, match=r"does not fit xc7z010: dsp 19\d of 80 \(24\d %\)"):
        to_target(whole, clock_hz=10**8, fps=10**4, part=part_of("xc7z010"), folding=told)


@pytest.mark.parametrize(
    ("folding", "message"),
    [
        (
            {"fc0": {"multiply": "booth"}},
            "fc0: multiply must be 'lut' or 'serial' or 'dsp' or 'select', not 'booth'",
        ),
        (
            {"act0": {"multiply": "dsp", "style": "parallel"}},
            "act0: multiply of a threshold must be 'lut', not 'dsp'",
        ),
        (
            {"fc0": {"multiply": "serial", "coding": "codebook"}},
            "fc0: the weights of multiply 'serial' must be integers, not ",
        ),
        (
            {"fc0": {"multiply": "dsp", "style": "unrolled"}},
            "fc0: multiply of style 'unrolled' must be 'lut', not 'dsp'",
        ),
    ],
)
def test_refusals(folding: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        fold(network(), folding)


@pytest.mark.parametrize("multiply", ["serial", "dsp"])
def test_binary_weights_are_refused(multiply: str) -> None:
    with pytest.raises(SpecError, match=f"multiply '{multiply}' must be integers, not bipolar"):
        fold(network(BIPOLAR), {"fc1": {"multiply": multiply}})
