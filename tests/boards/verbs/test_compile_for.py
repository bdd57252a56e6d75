"""Compiling for a board: its part, its clock, the rate of its link, and the report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.cli import main, show
from bitrill.errors import FitError, SpecError
from bitrill.resources.estimate import Resources
from bitrill_boards.board import find
from bitrill_boards.roofline import LINE_LUT, SHELL_LUT, links, part_for, roofline
from boards.test_board import written
from frontend.onnx_models import Net, save, small


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net, out = small()
    return save(net.proto(out), tmp_path_factory.mktemp("model"))


def test_a_part_is_what_the_board_leaves() -> None:
    zynq = part_for(find("pynq-z2"))
    assert (zynq.name, zynq.device, zynq.family) == ("pynq-z2", "xc7z020", "xc7")
    assert (zynq.lcs, zynq.ff) == (int(53200 * 0.7) - SHELL_LUT, int(106400 * 0.5))
    assert (zynq.bram36, zynq.dsp) == (int(140 * 0.8), int(220 * 0.8))
    small_one = part_for(find("ulx3s-85f"))
    assert (small_one.device, small_one.family) == ("lfe5u-85", "ecp5")
    assert small_one.lcs == int(83640 * 0.7) - LINE_LUT
    assert small_one.bram36 == int(208 * 0.8) // 2
    assert part_for(find("kv260")).device == "xck26"


def test_as_fast_as_the_line_brings_frames(model: Path, tmp_path: Path) -> None:
    done = flow.compile(model, out=tmp_path, board="ulx3s-85f")
    (found,) = done.rooflines
    assert (done.clock_mhz, done.board, found.board) == (100.0, "ulx3s-85f", "ulx3s-85f")
    assert done.solution is not None
    assert found.limit == "uart"
    assert done.fps >= found.system == links(find("ulx3s-85f"), done.build.graph, 100)["uart"]
    assert done.build.graph.nodes[0].impl.primitives == "ecp5"
    fast = flow.compile(model, out=tmp_path, board="ulx3s-85f", fps=10_000_000)
    assert fast.fps >= 10_000_000 > done.fps


def test_no_slower_on_a_small_board_than_its_memories_allow(tmp_path: Path) -> None:
    """One lane a layer would do for the line, and take 16,384 cycles."""
    net = Net(1, 128)
    x = net.dense(net.quant("x", 0.25, bits=1.0), 128, 128, seed=1, scale=0.3, bits=1.0)
    model = save(net.proto(net.dense(net.quant(x, 0.4, bits=1.0), 128, 4, seed=2)), tmp_path)
    done = flow.compile(model, out=tmp_path / "b", board="colorlight-i5")
    assert 2048 <= done.build.predicted.ii <= 4096
    assert done.rooflines[0].limit == "uart"


def test_as_fast_as_it_holds_where_that_is_slower(model: Path, tmp_path: Path) -> None:
    path = written(tmp_path, "pynq-z2", ("^title = .*", 'title = "Mine"'))
    text = path.read_text()
    path.write_text(f"{text}\n[share]\nlut = 0.021\n")
    fed = flow.compile(model, out=tmp_path / "a", board="pynq-z2")
    assert fed.fps >= min(links(find("pynq-z2"), fed.build.graph, 100).values())
    tight = flow.compile(model, out=tmp_path / "b", board="mine", boards=tmp_path)
    assert tight.fps < fed.fps
    (found,) = tight.rooflines
    assert found.fits
    with pytest.raises(FitError, match="does not fit mine"):
        flow.compile(model, out=tmp_path / "c", board="mine", boards=tmp_path, fps=fed.fps)


def test_a_clock_that_is_given_stands(model: Path, tmp_path: Path) -> None:
    done = flow.compile(model, out=tmp_path, board="zcu104", clock_mhz=50, style="unrolled")
    assert done.clock_mhz == 50
    done = flow.compile(model, out=tmp_path, board="zcu104", style="unrolled")
    assert done.clock_mhz == 187.5  # of its PLL


def test_a_board_or_a_part(model: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="a board has a part of its own: give a board or a part"):
        flow.compile(model, out=tmp_path, board="pynq-z2", part="xc7z020")
    with pytest.raises(SpecError, match=r"board must be .*, not 'pynq' \(nearest: pynq-z"):
        flow.compile(model, out=tmp_path, board="pynq")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["XC7Z020CLG400-1", "lfe5u-85f"])
def test_the_part_and_the_list_of_boards_agree(model: Path, tmp_path: Path, part: str) -> None:
    """A design of a family's cells is for that family's boards, and the report says so."""
    done = flow.compile(model, out=tmp_path, part=part)
    boards = done.to_json()["boards"]
    own = {"zynq7", "zynqmp"} if part.startswith("XC7") else {"ecp5"}
    known = {b.name: b.family for b in flow.boards().boards}
    assert {known[name] for name, b in boards.items() if b["fits"] is not False} == own
    *_, why, last = show.compiled(done).splitlines()
    foreign = [name for name, family in known.items() if family not in own]
    cells = "xc7" if part.startswith("XC7") else "ecp5"
    assert why.startswith(f"not for {', '.join(foreign)}: made of cells of {cells}; ")
    assert not any(f"{name}" in last for name in foreign)


def test_a_board_with_less_room_than_its_part_says_why(model: Path, tmp_path: Path) -> None:
    """The part takes the network, but its board has a shell beside it."""
    found = flow.compile(model, out=tmp_path / "b", part="xc7z010")
    tight = replace(
        found.rooflines[0], board="tight", part="xc7z010-x", needs={"lut": 2}, usable={"lut": 1}
    )
    object.__setattr__(found, "rooflines", (tight,))
    assert (
        "does not fit tight, which has this part: lut 2 of 1 usable, with the shell, and with room"
        " for routing"
    ) in show.compiled(found)


def test_the_report_names_boards(model: Path, tmp_path: Path) -> None:
    done = flow.compile(model, out=tmp_path, part="portable")
    last = show.compiled(done).splitlines()[-1]
    assert last.startswith(
        "fits these boards, by prediction (?: by a rough one): arty-z7-20, ebaz4205, "
    )
    assert last.endswith("tang-nano-9k?, tang-primer-20k?, ulx3s-85f?")
    value = json.loads(json.dumps(done.to_json()["boards"]))
    assert len(value) == 15
    assert value["kv260"]["fits"] is True
    assert set(value["ulx3s-85f"]) == {
        "clock_mhz",
        "fits",
        "lacks",
        "needs",
        "usable",
        "estimate",
        "core_fps",
        "system_fps",
        "limit",
    }


def test_the_report_of_one_board(model: Path, tmp_path: Path, capsys) -> None:
    base = ["compile", str(model), "--out", str(tmp_path), "--style", "unrolled", "--board"]
    assert main([*base, "pynq-z2"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(
        r"fits pynq-z2: yes \(\d %\); core 100,000,000 frames/s, system 25,000,000 frames/s"
        r" \(limited by: port\)",  # two words, each through a gearbox in two cycles
        last,
    )
    assert main([*base, "icebreaker"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("fits icebreaker: not known before routing (about ")
    assert last.endswith("(limited by: uart)")


def test_an_estimate_counts_two_small_luts_for_each(model: Path, tmp_path: Path) -> None:
    build = flow.compile(model, out=tmp_path, part="portable").build
    board = find("icebreaker")
    found = roofline(board, build.graph, build.predicted.ii, Resources(lcs=board.usable("lut")))
    assert (found.fits, found.estimate) == (None, 2.0)
