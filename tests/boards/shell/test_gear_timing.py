"""Time between gearboxes: that of the simulated shell, and the smallest ones that keep it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from bitrill.ir import Graph
from bitrill.lowering import to_folded, to_integer
from bitrill.timing.intervals import least_interval
from bitrill.timing.predict import predict
from bitrill_boards.shell import gear_timing, network_instance
from bitrill_boards.shell.gear_timing import keeping
from bitrill_boards.shell.gears import gear
from boards.simulation.shells import Case, wire
from boards.simulation.test_heads import two_heads
from frontend.onnx_models import imported

BITS_IN, BITS_OUT = 8 * 36, 27 * 33

CYCLES = {(1, 4): 353, (2, 8): 337, (8, 2): 462, (8, 4): 327}
"""Cycles of a frame of the two heads with chunks of so many bits, in and out."""


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    net, outputs = two_heads()
    return to_folded(to_integer(imported(net.proto(*outputs), tmp_path_factory.mktemp("heads"))))


@pytest.mark.parametrize("chunks", CYCLES)
def test_the_time_between_gearboxes(heads: Graph, chunks: tuple[int, int]) -> None:
    into = replace(gear(64, 8, frame_bits=BITS_IN), chunk=chunks[0])
    out = replace(gear(27, 64, frame_bits=BITS_OUT), chunk=chunks[1])
    between = gear_timing._between(heads, into, out)
    assert least_interval(between.system).interval == CYCLES[chunks]


@pytest.mark.nightly
@pytest.mark.parametrize("chunks", CYCLES)
def test_the_simulated_shell_takes_that_time(
    heads: Graph, chunks: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settled(width_in: int, width_out: int, *, frame_bits: int, **_: object) -> object:
        made = gear(width_in, width_out, frame_bits=frame_bits)
        return replace(made, chunk=chunks[width_in != 64])

    monkeypatch.setattr(network_instance, "gear", settled)
    case, cycles = Case(heads, tmp_path), {}
    for n in (32, 192):
        shell = case.shell()
        with case.driver(shell) as driver:
            driver.run(case.images(n))
            cycles[n] = driver.cycles
    assert cycles[192] - cycles[32] == 160 * CYCLES[chunks]


def test_bursts_take_wider_gears_than_the_mean_rate(heads: Graph) -> None:
    ii = predict(heads).ii
    into, out, cycles = keeping(heads, ii, 64)
    assert (into.chunk, out.chunk, cycles, ii) == (8, 4, 327, 327)
    assert gear(64, 8, frame_bits=BITS_IN, interval=ii).chunk == 1


def test_a_port_narrower_than_the_beats_sets_the_time() -> None:
    """144 bits a cycle through words of 64, of which each frame takes three."""
    graph = wire(144)
    assert predict(graph).ii == 1
    *_, cycles = keeping(graph, Fraction(1), 64)
    assert cycles == 3
