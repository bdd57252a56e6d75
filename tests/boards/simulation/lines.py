"""Helpers for tests of the serial line: a board at a port, bad lines, hosts that stop."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bitrill import flow
from bitrill_boards.describe import describe
from bitrill_boards.driver import Driver, Network, PySerial, SerialTransport, messages
from bitrill_boards.project import Progress, Project, ToolchainResult
from bitrill_boards.shell.network_instance import Edges
from bitrill_boards.simulation.pty import SimulatedPort
from bitrill_boards.simulation.simulated_serial import Noise, SimulatedLine
from boards.fakes import FakeToolchain
from boards.flash import bitfiles

BAUD = 1_000_000
SLACK = 0.01
"""Seconds that a byte may be late, between two threads of one computer."""


class Board:
    """A compiled network behind its shell; ports to it."""

    def __init__(self, build: flow.Build, folder: Path):
        self.build, self.work = build, folder / "sim"
        self.edges = Edges.of(build.graph, build.predicted.ii)
        self.network = Network(describe(build.graph, build.predicted))
        self.settle = 1000 + 3 * int(build.predicted.latency)
        self.made: list[SimulatedPort] = []

    def port(self, noise: Noise | None = None, *, divisor: int | None = None, tear=None):
        line = SimulatedLine(
            self.build.verilog, self.edges, work=self.work, divisor=divisor, noise=noise
        )
        bit = divisor or 1
        p = SimulatedPort(line, pause=400 * bit, settle=self.settle * bit, tear=tear)
        self.made.append(p)
        return p

    def driver(self, port: SimulatedPort, slack: float = SLACK) -> Driver:
        serial = PySerial(port.name, BAUD)
        serial.slack = slack
        return Driver(self.network, SerialTransport(serial, tries=100_000))

    def frames(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Different input frames in the model's shape, and their expected results."""
        graph = self.build.graph
        values = graph.source.tensor.type.values()
        x = np.random.default_rng(seed).choice(values, (n, *self.network.input.shape))
        return x, flow.run(self.build, x).integers


class Tears:
    """A line that cuts off some of the host's messages, interrupts some for longer than the board
    waits, and doubles parts of others."""

    def __init__(self, seed: int, probability: float = 0.3):
        self.random, self.probability = random.Random(seed), probability
        self.torn = 0

    def __call__(self, data: bytes) -> Sequence[bytes]:
        if len(data) < 2 or self.random.random() > self.probability:
            return (data,)
        self.torn += 1
        at = self.random.randrange(1, len(data))
        return self.random.choice(
            [
                (data[:at],),
                (data[at:],),
                (data[:at], data[at:]),
                (data[:at], data),
                (data, data[at:]),
            ]
        )


class Ecp5Tools(FakeToolchain):
    """Fake ECP5 tools: the bitstream is noise, with the right chip's ID."""

    def make(self, project: Project, progress: Progress) -> ToolchainResult:
        made = super().make(project, progress)
        (project.folder / made.bitstream).write_bytes(bitfiles.ecp5())
        return made


HOST = """
    import sys
    import numpy as np
    from bitrill_boards.driver import Driver, Network, PySerial, SerialTransport
    port, network, images = sys.argv[1:]
    driver = Driver(Network.read(network), SerialTransport(PySerial(port, 1_000_000)))
    x = np.load(images)
    print("running", flush=True)
    while True:
        driver.run(x)
"""


def kill_a_host(board: Board, port: SimulatedPort, seed: int) -> None:
    """Start a process that runs other frames, and kill it while it does."""
    told = describe(board.build.graph, board.build.predicted)
    (board.work / "network.json").write_text(json.dumps(told))
    np.save(board.work / "x.npy", board.frames(50, seed=1000 + seed)[0])
    host = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST), port.name, "network.json", "x.npy"],
        cwd=board.work,
        stdout=subprocess.PIPE,
    )
    with host, host.stdout as said:  # pyright: ignore
        assert said.readline() == b"running\n"
        time.sleep(random.Random(seed).uniform(0, 0.02))
        host.kill()


def leave(board: Board, port: SimulatedPort, cut: int) -> None:
    """Act as a host that sends two requests without the last ``cut`` bytes, and ends."""
    x, _ = board.frames(2, seed=77)
    frames = board.network.input.format(1).pack(x)
    sent = b"".join(
        messages.request(messages.RUN, k + 2, row.tobytes()) for k, row in enumerate(frames)
    )
    serial = PySerial(port.name, BAUD)
    serial.write(sent[: len(sent) - cut])
    serial.close()


class Recorded:
    """A serial line that replays recorded bytes once something is written."""

    baud, slack = BAUD, 0.0

    def __init__(self, *answers: bytes):
        self.answers, self.waits = list(answers), []

    def seconds(self) -> float:
        return float(sum(self.waits))

    def write(self, data: bytes) -> None: ...

    def read(self, timeout: float) -> bytes:
        self.waits.append(timeout)
        return self.answers.pop(0) if self.answers else b""

    def close(self) -> None:
        pass
