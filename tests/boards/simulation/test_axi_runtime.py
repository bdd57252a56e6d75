# amaranth: UnusedElaboratable=no
"""Writable networks behind AXI: their registers are reached, and compiled weights work without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from bitrill.errors import SpecError
from bitrill.runtime.register_map import IDENTITY
from bitrill_boards.driver import LinkError, SerialTransport
from bitrill_boards.driver import registers as r
from bitrill_boards.driver.registers import OFFSETS, REGISTERS, WEIGHTS
from bitrill_boards.shell.network_instance import Edges
from bitrill_boards.shell.uart_shell import UartCore
from bitrill_boards.shell.zynq_shell import ZynqShell
from bitrill_boards.simulation.simulated_axi import SimulatedShell
from bitrill_boards.simulation.simulated_serial import SimulatedLine
from bitrill_hw.memories.roms import convert
from boards.simulation.shells import Case, Host
from sim.test_runtime import accesses, network, retrained


@pytest.fixture
def shell(runtime: Case) -> Iterator[SimulatedShell]:
    found = runtime.shell(latency=20)
    yield found
    found.close()


def test_other_weights_through_the_driver(runtime: Case, shell: SimulatedShell) -> None:
    other, x = retrained(runtime.graph, "runtime"), runtime.images(50)
    old, new = runtime.graph.run(x), other.run(x)
    assert (old != new).any()
    driver = runtime.driver(shell)
    assert (driver.run(x)[0] == old).all()
    pairs = accesses(other).tolist()
    assert driver.write_weights(pairs) == len(pairs)
    assert [shell.registers.read(WEIGHTS + a) for a, _ in pairs] == [v for _, v in pairs]
    assert (driver.run(x)[0] == new).all()


def test_where_they_are(runtime: Case, shell: SimulatedShell) -> None:
    assert shell.registers.read(WEIGHTS) == IDENTITY
    assert shell.registers.read(0) == r.IDENTITY
    size = 1 << runtime.edges.register_bits
    last = int(accesses(runtime.graph)[:, 0].max())
    assert last < size
    holes = [
        4 * len(REGISTERS),
        0x1000,
        size,
        WEIGHTS - 4,
        WEIGHTS >> 1,
        WEIGHTS + 0x18,
        WEIGHTS + size,
        WEIGHTS + 2 * size,
        2 * WEIGHTS - size,
        2 * WEIGHTS - 4,
    ]
    for offset in holes:
        for access in (shell.registers.read, lambda at: shell.registers.write(at, 0)):
            with pytest.raises(LinkError, match=rf"at {offset:#x} was refused \(SLVERR\)"):
                access(offset)


def test_a_write_while_frames_are_inside_is_refused(runtime: Case, shell: SimulatedShell) -> None:
    address = int(accesses(runtime.graph)[0, 0])
    host = Host.of(runtime, shell, 60)
    host.blank()
    host.start()
    shell.run(150)
    with pytest.raises(LinkError, match=rf"writing .* at {WEIGHTS + address:#x} was refused"):
        shell.registers.write(WEIGHTS + address, 0)
    assert host.finish() == r.DONE
    assert host.right


@pytest.mark.parametrize("bench", [{}, {"stall": 0.3, "pause": 4}], ids=["free", "stalled"])
def test_a_reset_forgets_no_access(runtime: Case, bench: dict) -> None:
    """Stops with accesses right behind them: each is answered, and weights are kept."""
    shell = runtime.shell(latency=20, **bench)
    host, short = Host.of(runtime, shell, 20), Host.of(runtime, shell, 3, seed=1)
    pairs = [(WEIGHTS + a, v) for a, v in accesses(runtime.graph).tolist()]
    assert host.whole()
    for k in range(0, host.read("CYCLES_LOW"), 3):
        host.blank()
        host.start()
        shell.run(k)
        with suppress(LinkError):  # some come while frames are inside
            shell.registers.write_all([(OFFSETS["CONTROL"], r.STOP), *pairs[:6]])
        host.finish(r.STOPPED)
        assert [shell.registers.read(a) for a, _ in pairs[:6]] == [v for _, v in pairs[:6]]
        assert short.whole(), k
    shell.close()


def test_behind_a_serial_line_the_ports_are_tied_off(runtime: Case) -> None:
    text = convert(UartCore(runtime.edges, clock_hz=12_000_000, timeout=1000))
    for name in ("awvalid", "wvalid", "arvalid"):
        pin = re.search(rf"\.s_axi_{name}\((\S+)\)", text)
        assert pin is not None
        assert f"  assign {pin[1]} = 1'h0;" in text


@pytest.mark.nightly
def test_behind_a_serial_line_the_compiled_weights_run(runtime: Case) -> None:
    line = SimulatedLine(runtime.top, runtime.edges, work=runtime.work / "line")
    transport = SerialTransport(line)
    into, out = (e.format(1) for e in (runtime.network.input, runtime.network.output))
    x = runtime.images(40)
    frames = into.pack(runtime.network.integers(x))
    wanted = out.pack(runtime.graph.run(x).reshape(40, -1))
    answers = [a for a, _ in transport.run(frame.tobytes() for frame in frames)]
    assert answers == [row.tobytes() for row in wanted]
    transport.close()


def test_streams_of_weights_are_refused() -> None:
    graph = network("streamed")
    message = r"a board has no stream of weights for fc0: its style must be folded, unrolled or"
    with pytest.raises(SpecError, match=message):
        Edges.of(graph, graph.reader("input").beats_in)


def test_too_many_weights_are_refused(runtime: Case) -> None:
    ZynqShell(replace(runtime.edges, register_bits=24))
    message = "registers of weights must take at most 16777216 bytes, not 33554432: fewer layers"
    with pytest.raises(SpecError, match=message):
        ZynqShell(replace(runtime.edges, register_bits=25))
