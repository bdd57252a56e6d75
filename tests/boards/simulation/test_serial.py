"""The driver over RTL: a network behind a serial line that loses, doubles and damages bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill_boards.describe import describe
from bitrill_boards.driver import Driver, Network, SerialTransport
from bitrill_boards.shell.network_instance import Edges
from bitrill_boards.simulation.pty import SimulatedPort
from bitrill_boards.simulation.simulated_serial import Noise, SimulatedLine
from boards.c_driver.linked import FRAMES, Linked
from frontend.onnx_models import save, small


class Case:
    """A compiled network, frames for it as bytes, and what must come back."""

    def __init__(self, folder: Path):
        net, out = small()
        self.build = flow.compile(
            save(net.proto(out), folder), out=folder / "b", part="portable"
        ).build
        self.edges = Edges.of(self.build.graph, self.build.predicted.ii)
        self.work = folder / "sim"

    def line(self, divisor: int | None, noise: Noise | None = None) -> SimulatedLine:
        return SimulatedLine(
            self.build.verilog, self.edges, work=self.work, divisor=divisor, noise=noise
        )

    def frames(self, n: int, seed: int) -> tuple[list[bytes], list[bytes]]:
        graph = self.build.graph
        rng = np.random.default_rng(seed)
        t = graph.source.tensor.type
        x = rng.choice(t.values(), (n, *graph.source.shape))
        y = graph.run(x).reshape(n, -1)
        return dense(x.reshape(n, -1), t), dense(y, graph.edges[graph.output].type)


def dense(values: np.ndarray, t) -> list[bytes]:
    """Elements as dense bits, low first, in whole bytes."""
    bits = (t.encode(values)[..., None] >> np.arange(t.bits)) & 1
    packed = np.packbits(bits.reshape(len(values), -1).astype(np.uint8), axis=1, bitorder="little")
    return [row.tobytes() for row in packed]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("serial"))


@pytest.fixture
def transport(case: Case, request: pytest.FixtureRequest) -> Iterator[SerialTransport]:
    found = SerialTransport(case.line(*request.param))
    yield found
    found.close()


@pytest.mark.parametrize("transport", [(None,)], indirect=True)
def test_every_frame_comes_back_right(case: Case, transport: SerialTransport) -> None:
    frames, wanted = case.frames(100, seed=1)
    assert transport.device.digest == case.edges.digest
    answers = list(transport.run(frames))
    assert [a for a, _ in answers] == wanted
    assert len({cycles for _, cycles in answers}) == 1
    assert (transport.resent, transport.damaged) == (0, 0)


NOISE = [
    Noise(flip=1e-3, seed=1),
    Noise(drop=1e-2, seed=2),
    Noise(twice=1e-2, seed=3),
    Noise(flip=5e-4, drop=2e-3, twice=2e-3, seed=4),
]


@pytest.mark.parametrize("transport", [(None, n) for n in NOISE], indirect=True)
def test_noise_costs_time_alone(case: Case, transport: SerialTransport) -> None:
    """No frame is lost, and no wrong result is given."""
    frames, wanted = case.frames(200, seed=2)
    assert [a for a, _ in transport.run(frames)] == wanted
    assert transport.resent > 0


@pytest.mark.parametrize("transport", [(None, NOISE[0])], indirect=True)
def test_images_in_floats_out(case: Case, transport: SerialTransport) -> None:
    """The driver of boards, through RTL, against the golden model."""
    driver = Driver(Network(describe(case.build.graph, case.build.predicted)), transport)
    x = np.random.default_rng(6).normal(0, 1, (30, *case.build.graph.source.shape))
    integers, floats = driver.run(x)
    wanted = flow.run(case.build, x)
    assert (integers == wanted.integers).all()
    assert (floats == wanted.floats).all()
    assert driver.report()["cycles_per_frame"] > float(case.build.predicted.ii)


@pytest.mark.parametrize("transport", [(12, Noise(flip=1e-3, seed=5))], indirect=True)
def test_the_same_bit_by_bit(case: Case, transport: SerialTransport) -> None:
    frames, wanted = case.frames(20, seed=3)
    assert [a for a, _ in transport.run(frames)] == wanted


@pytest.mark.parametrize(
    "noise",
    [
        None,
        pytest.param(Noise(flip=2e-4, drop=1e-3, twice=1e-3, seed=4), marks=pytest.mark.nightly),
    ],
)
def test_the_c_driver_at_a_port(case: Case, tmp_path: Path, noise: Noise | None) -> None:
    """1,000 images, as the Python driver has them."""
    linked = Linked(case.build.graph, tmp_path)
    with SimulatedPort(case.line(None, noise)) as port:
        found, cycles, resent = linked.run("tty", port.name, "1000000")
    assert port.error is None
    assert (found == linked.wanted).all()
    assert resent > 0 or noise is None
    with Driver(Network(linked.spec), SerialTransport(case.line(None))) as driver:
        integers, _ = driver.run(linked.images)
        assert (found == integers.reshape(FRAMES, -1)).all()
        assert noise or cycles / FRAMES == driver.report()["cycles_per_frame"]


def test_the_c_driver_refuses_another_network(case: Case, tmp_path: Path) -> None:
    linked = Linked(case.build.graph, tmp_path, digest="0123456789abcdef")
    with (
        SimulatedPort(case.line(None)) as port,
        pytest.raises(ValueError, match="the board holds another network"),
    ):
        linked.run("tty", port.name, "1000000")
    with pytest.raises(ValueError, match="a device cannot be opened"):
        linked.run("tty", port.name, "1000001")
