# amaranth: UnusedElaboratable=no
"""The top of small boards: reset until the PLL has locked, clock and baud rate inside."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import pytest
from amaranth.sim import Simulator
from bitrill.errors import SpecError
from bitrill_boards.driver import messages
from bitrill_boards.families.small import Pll
from bitrill_boards.shell.network_instance import Edges
from bitrill_boards.shell.open_top import OpenTop, StartUp
from bitrill_hw.memories import rom_text

EDGES = Edges(8, 4, 8, 1, Fraction(4), bytes(range(8)))
PLL = Pll(
    Fraction(36),
    Fraction(720),
    "MY_PLL",
    {"DIV": 3, "MODE": "SIMPLE"},
    "CI",
    "CO",
    "LK",
    attributes={"FILTER": "7"},
    constants={"RST": 0, "EN": 1},
    joined={"FB": "CO2"},
)


def resets(cycles: int, locks: list[int]) -> list[int]:
    """``reset`` of each cycle of ``lock``."""
    startup, seen = StartUp(cycles), []

    async def bench(ctx: Any) -> None:
        for lock in locks:
            ctx.set(startup.lock, lock)
            seen.append(ctx.get(startup.reset))
            await ctx.tick()

    sim = Simulator(startup)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return seen


@pytest.mark.parametrize("cycles", [1, 2, 7, 20])
def test_reset_ends_so_many_cycles_behind_the_lock(cycles: int) -> None:
    synchroniser = 3  # two registers, and the reset's own
    seen = resets(cycles, [0] * 5 + [1] * (cycles + 10))
    assert seen.index(0) == 5 + synchroniser + cycles
    assert set(seen[seen.index(0) :]) == {0}


def test_a_lost_lock_resets_anew() -> None:
    """However short, and the whole time once more."""
    seen = resets(10, [1] * 20 + [0] + [1] * 30)
    again = seen.index(1, 18)
    assert 20 < again <= 24
    assert seen[again : again + 11] == [1] * 11
    assert seen[-5:] == [0] * 5


def test_a_lock_that_flickers_never_starts() -> None:
    assert set(resets(10, ([1] * 9 + [0]) * 8)) == {1}


def test_the_shell_is_told_of_the_clock_that_is_made() -> None:
    top = OpenTop(EDGES, mhz=Fraction(36), pll=PLL, baud=1_000_000)
    assert (top.divisor, top.start_cycles) == (36, 720)  # 20 us
    table = r"^(?:\(\*[^\n]*\*\)\n)?module (table_\w+)\(.*?^endmodule\n"
    found = re.finditer(table, top.verilog(), re.MULTILINE | re.DOTALL)
    modules = {m[1]: m[0] for m in found}
    roms = [rom_text.read(name, modules) for name in modules]
    told = next(bytes(rom.words) for rom in roms if rom and rom.width == 8)
    assert len(told) == messages.IDENTITY.size
    assert messages.IDENTITY.unpack(told)[3:] == (EDGES.digest, 36_000_000, 4, 1)


def test_a_baud_rate_that_the_clock_cannot_make_is_refused() -> None:
    with pytest.raises(SpecError, match=r"baud rate must be near a fraction of 10\.5 MHz"):
        OpenTop(EDGES, mhz=Fraction("10.5"), pll=None, baud=1_000_000)
    with pytest.raises(SpecError, match=r"baud rate must be at most 750,000 at 6 MHz"):
        OpenTop(EDGES, mhz=Fraction(6), pll=None, baud=1_000_000)


def test_the_pll_is_wired_by_its_ports() -> None:
    text = OpenTop(EDGES, mhz=Fraction(36), pll=PLL, baud=1_000_000).verilog()
    head = re.search(r"^module bitrill\((.*)\);$", text, re.MULTILINE)
    assert head is not None
    assert set(head[1].split(", ")) == {"clk", "rx", "tx"}
    cell = re.search(r"MY_PLL #\((.*?)\) pll \((.*?)\);", text, re.DOTALL)
    assert cell is not None
    assert '(* FILTER = "7" *)' in text[: cell.start()].splitlines()[-2]
    told = dict(re.findall(r"\.(\w+)\((.*?)\)", cell[1]))
    assert told == {"DIV": "32'd3", "MODE": '"SIMPLE"'}
    ends = dict(re.findall(r"\.(\w+)\((.*?)\)", cell[2]))
    assert (ends["CI"], ends["RST"], ends["EN"]) == ("clk", "1'h0", "1'h1")
    assert ends["FB"] == ends["CO2"]
    assert len({ends[port] for port in ("CI", "CO", "CO2", "LK")}) == 4


def test_pins_that_the_board_wants_high_are() -> None:
    text = OpenTop(EDGES, mhz=Fraction(12), pll=None, baud=1_000_000, high=2).verilog()
    assert re.search(r"^module bitrill\((.*)\);$", text, re.MULTILINE)[1].count("high") == 2
    for k in range(2):
        assert f"  output high{k};" in text
        assert f"  assign high{k} = 1'h1;" in text


def test_without_a_pll_the_crystal_is_the_clock() -> None:
    text = OpenTop(EDGES, mhz=Fraction(12), pll=None, baud=1_000_000).verilog()
    assert "PLL" not in text
