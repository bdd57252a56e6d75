"""The whole board's netlist, as Yosys maps it, through its two pins; faults in it are found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction

import pytest
from bitrill.errors import SpecError, ToolError
from bitrill.lowering import to_folded
from bitrill.parts.devices import part_of
from bitrill.timing.predict import predict
from bitrill_boards import vectors
from bitrill_boards.board import find
from bitrill_boards.driver.driver_errors import LinkError
from bitrill_boards.families.small import Pll
from bitrill_boards.project import Project
from bitrill_boards.simulation.netlist_line import check, line_of, models
from bitrill_boards.toolchains import open_tools, place_route
from bitrill_hw.design.verilog import verilog
from support import integer_mlp

FRAMES = 12


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small network on an iCE40, synthesised: weights in its block memory, tables in logic."""
    folding = {"fc0": {"pe": 4, "simd": 8, "memory": "block"}}
    board, folder = find("ice40-hx8k"), tmp_path_factory.mktemp("board")
    graph = to_folded(
        integer_mlp(32, 16, 4), folding=folding, part=part_of("ice40-hx8k"), clock_mhz=48
    )
    text = folder / "top.v"
    text.write_text(verilog(graph))
    made = Project(board, graph, predict(graph), text, folder, "open", Fraction(48))
    sources = {"bitrill.v": open_tools.top(made).verilog(), "top.v": text.read_text()}
    target = open_tools.family_of(board).target(board, open_tools.pins_of(board))
    place_route.synthesise(
        target, open_tools.NAME, sources, folder / open_tools.WORK, lambda *_: None
    )
    return made


def run(project: Project, *, seed: int, change: Callable[[str], str] = str) -> tuple[int, int]:
    """Run frames; return the number of wrong ones, and of requests."""
    line = line_of(project, seed=seed, change=change, level="-O0")
    sent, write = [], line.write
    line.write = lambda data: (sent.append(data), write(data))[1]  # type: ignore[method-assign]
    return check(project, vectors.frames(project.graph, FRAMES, seed=1), line), len(sent)


RIGHT = (0, 1 + FRAMES)
"""Who are you, and the frames, each once."""


def test_frames_come_back_right_whatever_registers_start_as(project: Project) -> None:
    """Every register and memory starts at random: the board's own reset is enough."""
    netlist = (project.folder / open_tools.WORK / place_route.NETLIST).read_text()
    for cell in ("SB_LUT4", "SB_CARRY", "SB_DFFESR", "SB_RAM40_4K", "SB_PLL40_CORE"):
        assert f'"type": "{cell}"' in netlist
    assert run(project, seed=3) == RIGHT


def inverted_table(text: str) -> str:
    """Plant a fault: invert a LUT of the network's first matrix."""
    return once(
        r"(LUT_INIT\(16'h)([0-9a-f]{4})(?=\)\n  \) \S*network\.network\.fc0)",
        text,
        lambda m: f"{m[1]}{int(m[2], 16) ^ 0xFFFF:04x}",
    )


def wrong_weights(text: str) -> str:
    """Plant a fault in the first words of a block memory of weights."""
    return once(
        r"(INIT_0\(256'h)([0-9a-f]*[1-9a-f][0-9a-f]*)(?=\))",
        text,
        lambda m: m[1] + "".join(f"{int(d, 16) ^ 15:x}" for d in m[2]),
    )


def lost_reset(text: str) -> str:
    """The board's own reset, which most registers hang on, never comes: they start at random, and
    requests are lost until the protocol has brought them to order."""
    nets = re.findall(r"\.R\(([^()]*)\)", text)
    net, uses = Counter(nets).most_common(1)[0]
    assert uses > 100
    return text.replace(f".R({net})", ".R(1'h0)")


def once(pattern: str, text: str, by: Callable[[re.Match[str]], str]) -> str:
    changed, n = re.subn(pattern, by, text, count=1)
    assert n == 1
    assert changed != text
    return changed


def dies(project: Project, change: Callable[[str], str], seeds: Iterable[int] = (3,)) -> bool:
    """Whether a fault is seen with one of the seeds, by which registers start."""
    try:
        return any(run(project, seed=seed, change=change) != RIGHT for seed in seeds)
    except LinkError:
        return True


@pytest.mark.nightly
@pytest.mark.parametrize("change", [inverted_table, wrong_weights, lost_reset])
def test_a_fault_in_the_netlist_is_found(project: Project, change: Callable[[str], str]) -> None:
    # without its reset the protocol brings most starts to order by itself
    assert dies(project, change, range(3, 12) if change is lost_reset else (3,))


def test_a_cell_without_a_model_is_named() -> None:
    with pytest.raises(ToolError, match="cells that have no model: SB_OTHER"):
        models("  SB_OTHER x (\n  );\n", "ice40", None)
    with pytest.raises(ToolError, match="cells that have no model: PLLX"):
        models("  PLLX #(\n  ) pll (\n  );\n", "ice40", None)
    pll = Pll(Fraction(48), Fraction(768), "PLLX", {"DIVF": 63}, "I", "O", "LOCK")
    assert "module PLLX(input I, output O, output LOCK);" in models("  PLLX x (\n", "ice40", pll)


def test_another_family_is_refused() -> None:
    with pytest.raises(SpecError, match="netlists can be simulated only for ice40, not zynq7"):
        models("", "zynq7", None)
