"""Rates and fit of a network on boards, by figures worked out by hand."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.cli import main
from bitrill.folding.fold import fold
from bitrill.ir import Graph, IntType, Tensor
from bitrill.lowering import to_integer
from bitrill.resources.estimate import Resources
from bitrill_boards.board import every, find
from bitrill_boards.roofline import OVERHEAD, SHELL_LUT, frame_bytes, roofline
from frontend.onnx_models import save, small
from networks import mlp


@pytest.fixture(scope="module")
def network() -> Graph:
    return fold(to_integer(mlp((64, 8, 2), seed=1)), {})


def test_a_frame_starts_on_eight_bytes() -> None:
    assert frame_bytes(784, 1) == 104
    assert frame_bytes(64, 1) == 8
    assert frame_bytes(1, 1) == 8
    assert frame_bytes(3, 32) == 16


def test_the_core_limits_until_the_port_does(network: Graph) -> None:
    board = find("zcu104")
    t = network.source.tensor
    into = frame_bytes(t.size, t.type.bits)
    slow = roofline(board, network, Fraction(64), Resources())
    assert (slow.limit, slow.system, slow.core) == ("core", 187.5e6 / 64, 187.5e6 / 64)
    fast = roofline(board, network, Fraction(1, 8), Resources())
    assert fast.limit == "port"
    assert fast.core == 1.5e9
    y = network.edges[network.output]
    assert fast.system == 8 * 187.5e6 * 0.97 / max(into, frame_bytes(y.size, y.type.bits))


def test_the_clock_is_the_one_that_the_board_makes(network: Graph) -> None:
    """A Zynq's PLL makes 1,000 / 7 MHz, and not the 150 MHz that are asked for."""
    assert roofline(find("zc706"), network, Fraction(1), Resources()).core == float(
        Fraction(10**9, 7)
    )
    assert roofline(find("icebreaker"), network, Fraction(1), Resources()).core == 24e6


def test_a_narrow_ddr_limits(network: Graph) -> None:
    board = find("pynq-z2")
    assert board.memory is not None
    narrow = dataclasses.replace(board.memory, ddr_bits=8, ddr_mts=400)
    found = roofline(
        dataclasses.replace(board, memory=narrow), network, Fraction(1, 8), Resources()
    )
    assert found.limit == "ddr"


def test_a_uart_carries_ten_bits_a_byte(network: Graph) -> None:
    found = roofline(find("ulx3s-85f"), network, Fraction(64), Resources())
    t = network.source.tensor
    assert found.limit == "uart"
    assert found.system == 100_000 / (frame_bytes(t.size, t.type.bits) + OVERHEAD)
    assert found.fits is None  # nothing is known before place and route


def test_what_lacks_is_named(network: Graph) -> None:
    board = find("ebaz4205")
    most = board.usable("lut") - SHELL_LUT
    assert roofline(board, network, Fraction(1), Resources(lcs=most)).fits
    found = roofline(board, network, Fraction(1), Resources(lcs=most + 1, bram18=2 * 48 + 1))
    assert not found.fits
    assert found.lacks == ["lut 12,321 of 12,320 usable", "bram 49 of 48 usable"]


def test_the_clock_may_be_told(network: Graph) -> None:
    assert roofline(find("pynq-z2"), network, Fraction(2), Resources(), 50).core == 25e6


def test_bits_of_the_first_quantizer_count() -> None:
    assert frame_bytes(Tensor((10,), IntType(-8, 7)).size, 4) == 8


def test_the_verb_lists_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["boards"]) == 0
    text = capsys.readouterr().out
    assert all(b.name in text and b.status in text for b in every())
    assert main(["boards", "--json", "--boards", str(tmp_path)]) == 0
    value = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in value["boards"]] == [b.name for b in every()]
    assert main(["boards", "--boards", str(tmp_path / "none")]) == 4


def test_the_verb_tells_rates_of_a_build(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    net, out = small()
    build = flow.compile(save(net.proto(out), tmp_path), out=tmp_path / "b", part="portable").build
    assert main(["boards", str(tmp_path / "b"), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    one = next(row["network"] for row in value["boards"] if row["name"] == "pynq-z2")
    assert one["core_fps"] == float(100_000_000 / build.predicted.ii)
    assert one["fits"] is True
    assert main(["boards", str(tmp_path / "b")]) == 0
    text = capsys.readouterr().out
    assert "not known before routing" in text
    assert "assumed" in text
