"""A network of two heads of unlike sizes behind both shells: integers, outputs and cycles."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.flow import Build
from bitrill.ir import INPUT, Graph
from bitrill.timing.event_graph import EventGraph
from bitrill.timing.relaxation import NEVER, Relaxation
from bitrill_boards.driver import Driver, SerialTransport
from bitrill_boards.shell import gear_timing
from bitrill_boards.shell.gears import gear
from bitrill_boards.simulation.simulated_serial import Noise, SimulatedLine
from boards.simulation.shells import Case
from frontend.onnx_models import Net, save

FRAMES = 200


def two_heads() -> tuple[Net, list[str]]:
    """A map of sigmoids, and a smaller map, flat and with Softmax."""
    n = Net(1, 2, 6, 6, opset=13)
    x = n.node("Relu", n.conv(n.quant("x", 0.25), 4, 2, 3, 3, pads=[1] * 4))
    x = n.quant(x, 1.5, bits=2.0, signed=0)
    large = n.node("Sigmoid", n.conv(x, 2, 4, 1, 1, bias=True, quant={"scale": 0.3}))
    small = n.conv(x, 3, 4, 2, 2, strides=[2, 2], quant={"scale": 0.071})
    return n, [n.node("Softmax", n.node("Flatten", small), axis=1), large]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("heads")
    net, outputs = two_heads()
    return flow.compile(save(net.proto(*outputs), folder), out=folder / "b", part="portable").build


@pytest.fixture(scope="module")
def case(build: Build) -> Case:
    return Case(build.graph, build.folder / "shell", top=build.verilog)


def images(n: int) -> np.ndarray:
    return np.random.default_rng(4).normal(0, 1, (n, 2, 6, 6)).astype(np.float32)


def check(driver: Driver, build: Build) -> None:
    """Run floats and compare every integer, and every byte of every output."""
    x = images(FRAMES)
    integers, outputs = driver.run_named(x)
    wanted = flow.run(build, x)
    assert np.array_equal(integers, wanted.integers)
    assert list(outputs) == list(wanted.outputs) == [o.name for o in build.graph.sink.outputs]
    assert [y.shape for y in outputs.values()] == [(FRAMES, 27), (FRAMES, 2, 6, 6)]
    for name, y in outputs.items():
        assert (y.dtype, y.tobytes()) == (np.float32, wanted.outputs[name].tobytes())


def test_behind_the_zynq_shell_with_stalls(case: Case, build: Build) -> None:
    shell = case.shell(stall=0.3, pause=6, seed=1)
    with case.driver(shell) as driver:
        check(driver, build)


def test_a_frame_takes_the_interval_of_the_network(case: Case) -> None:
    cycles = {}
    for n in (32, FRAMES - 8):  # the last burst of results is whole
        shell = case.shell()
        with case.driver(shell) as driver:
            driver.run(case.images(n))
            cycles[n] = driver.cycles
    assert cycles[FRAMES - 8] - cycles[32] == (FRAMES - 40) * case.predicted.ii


@pytest.fixture
def line(case: Case, build: Build) -> Iterator[SerialTransport]:
    noise = Noise(flip=1e-4, drop=1e-3, seed=3)
    line = SimulatedLine(build.verilog, case.edges, work=build.folder / "line", noise=noise)
    transport = SerialTransport(line)
    yield transport
    transport.close()


def cycles_alone(graph: Graph, interval: Fraction) -> int:
    """Cycles of a frame alone between the gearboxes of a serial line, first beat in to last out.

    Bytes come and go at once; the gearboxes follow the mean rate, since a line takes longer than
    any network's bursts.
    """
    first, last = graph.reader(INPUT), graph.producer(graph.output)
    bits_in, bits_out = first.lanes_in * first.x.type.bits, last.lanes_out * last.y.type.bits
    into = gear(8, bits_in, frame_bits=bits_in * first.beats_in, interval=interval)
    out = gear(bits_out, 8, frame_bits=bits_out * last.beats_out, interval=interval)
    chunks = len(EventGraph(graph, graph.depths).system.sizes)  # the stream that is added first
    events = gear_timing._between(graph, into, out)
    times = [np.full(n, NEVER) for n in events.system.sizes]
    times[chunks] = np.arange(len(times[chunks]))
    frame = Relaxation(events.system, times, period=None)
    while not frame.settle(1):
        pass
    return int(frame.times[events.sink][-1] - frame.times[events.source][0])


@pytest.mark.nightly
def test_behind_the_serial_shell(line: SerialTransport, case: Case, build: Build) -> None:
    """Bytes are lost and damaged on the way."""
    driver = Driver(case.network, line)
    check(driver, build)
    assert line.resent > 0
    alone = cycles_alone(build.graph, build.predicted.ii)
    assert driver.report()["cycles_per_frame"] == alone


@pytest.mark.nightly
@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_every_beat_comes_in_its_cycle(build: Build, stall: float, tmp_path: Path) -> None:
    done = flow.verify(build, samples=FRAMES, stall=stall, out=tmp_path)
    assert (done.mismatches, done.cycles_exact, done.measured) == (0, True, done.predicted)


def test_the_files_of_each_output(build: Build, tmp_path: Path) -> None:
    done = flow.run(build, images(5), out=tmp_path / "Y.npy")
    names = [o.name for o in build.graph.sink.outputs]
    assert [Path(f).name for f in done.files] == [*(f"Y.{n}.npy" for n in names), "Y.int.npy"]
    for name in names:
        assert np.array_equal(np.load(tmp_path / f"Y.{name}.npy"), done.outputs[name])
    with pytest.raises(ValueError, match="of one output"):
        _ = done.floats
