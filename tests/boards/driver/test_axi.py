"""Batches over AXI: against a model of the shell, with faults planted in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bitrill.flow import Build
from bitrill_boards.driver import AxiTransport, Driver, DriverError, LinkError, axi_transport
from bitrill_boards.driver import registers as r
from boards.driver.shell_model import CYCLES, LATENCY, Memory, Shell, network_of

TIMEOUT = 0.02


class Time:
    """A clock that advances only during sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.before: Callable[[], None] = lambda: None

    def monotonic(self) -> float:
        self.before()
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    found = Time()
    monkeypatch.setattr(axi_transport, "time", found)
    return found


def board(
    build: Build, *, memory: Memory | None = None, timeout: float = TIMEOUT, **faults: Any
) -> tuple[Driver, Shell]:
    shell = Shell(build, memory or Memory(), **faults)
    transport = AxiTransport(shell, shell.memory, clock_hz=100_000_000, timeout=timeout)
    return Driver(network_of(build), transport), shell


def axi_link(driver: Driver) -> AxiTransport:
    assert isinstance(driver.transport, AxiTransport)
    return driver.transport


def images(build: Build, n: int) -> np.ndarray:
    t = build.graph.source.tensor.type
    return np.random.default_rng(n).integers(t.lo, t.hi + 1, (n, *build.graph.source.shape))


@pytest.mark.parametrize("n", [0, 1, 2, 99, 100, 101, 350])
def test_every_image_comes_back_as_from_the_golden_model(build: Build, n: int) -> None:
    memory = Memory(size=100 * 2 * 16 + 4 * r.ALIGN)  # 100 frames of 8 bytes in and out, twice
    driver, shell = board(build, memory=memory)
    x, told = images(build, n), []
    integers, floats = driver.run(x, lambda *args: told.append(args))
    wanted = build.graph.run(x)
    assert (integers == wanted).all()
    assert (floats == build.graph.sink.dequantize(wanted).astype(np.float32)).all()
    assert driver.frames == n
    assert shell.runs + 1 == len(told) == -(-n // 100)
    assert not told or told[-1] == ("frames", n, n)
    assert driver.cycles == n * CYCLES + len(told) * LATENCY
    driver.close()
    assert shell.closed
    assert not memory.buffers


def test_a_batch_is_packed_while_another_one_is_computed(build: Build) -> None:
    memory = Memory(size=100 * 2 * 16 + 4 * r.ALIGN)
    driver, _ = board(build, memory=memory)
    driver.run(images(build, 400))
    # the next input lies in memory before a run's end is looked for, and starts right behind it
    assert memory.log == [
        "flush",
        "start",
        "flush",
        "end",
        "start",
        "flush",
        "end",
        "start",
        "flush",
        "end",
        "start",
        "end",
    ]


def test_batches_grow(build: Build) -> None:
    driver, shell = board(build)
    for n in (1, 3000, 5, 4096, 9000):
        x = images(build, n)
        assert (driver.run(x)[0] == build.graph.run(x)).all()
    assert len(shell.memory.buffers) == 4


def test_the_report_counts_the_cycles_of_the_hardware(build: Build) -> None:
    driver, _ = board(build)
    driver.run(images(build, 100))
    report = driver.report()
    per = CYCLES + LATENCY / 100
    assert report["cycles_per_frame"] == per
    assert report["fps_hardware"] == 100e6 / per
    assert report["roofline"] == float(build.predicted.ii) / per


READ = r"reading memory at 0x1000\w000\.\.0x1000\w31f"
WRITE = r"writing memory at 0x1000\w000\.\.0x1000\w31f"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"error": r.READ_SLVERR}, READ + " failed with SLVERR: the memory refuses the access"),
        ({"error": r.READ_DECERR}, READ + " failed with DECERR: nothing is at these addresses"),
        ({"error": r.WRITE_SLVERR}, WRITE + " failed with SLVERR: the memory refuses the access"),
        ({"error": r.WRITE_DECERR}, WRITE + " failed with DECERR: .* memory port enabled"),
        ({"error": r.READ_DECERR | r.WRITE_SLVERR}, READ + ".*DECERR.*; " + WRITE + ".*SLVERR"),
        ({"error": r.FRAME_ERROR}, "got a frame of a wrong length: flash the bitstream again"),
        ({"hang": 37}, r"the run did not end: 37 of 100 frames .* for 0.02 s \(reading memory, or"),
        ({"lost_done": 1}, r"did not end: 100 of 100 frames .* \(writing their results to memory"),
        ({"short": 1}, "only 99 of 100 frames left the network when the run ended"),
    ],
    ids=str,
)
@pytest.mark.parametrize("fault_in", [0, 1, 3])
def test_a_failed_run_is_reported_and_the_next_one_works(
    build: Build, fault: dict[str, int], message: str, fault_in: int
) -> None:
    memory = Memory(size=100 * 2 * 16 + 4 * r.ALIGN)
    driver, shell = board(build, memory=memory, fault_in=fault_in, **fault)
    x = images(build, 400)
    with pytest.raises(LinkError, match=message):
        driver.run(x)
    assert not shell.status
    assert (driver.run(x)[0] == build.graph.run(x)).all()


def test_one_wrong_bit_is_seen_by_the_self_test(build: Build) -> None:
    driver, _ = board(build, fault_in=0, flip=1)
    x = images(build, 20)
    assert driver.self_test(x, build.graph.run(x)) == 1
    assert driver.self_test(x, build.graph.run(x)) == 0


def test_an_interrupted_run_leaves_nothing_under_way(build: Build) -> None:
    memory = Memory(size=100 * 2 * 16 + 4 * r.ALIGN)
    driver, shell = board(build, memory=memory)
    x = images(build, 400)

    def interrupt() -> None:
        if shell.runs == 1:
            shell.before_read = lambda: None
            raise KeyboardInterrupt

    shell.before_read = interrupt
    with pytest.raises(KeyboardInterrupt):
        driver.run(x)
    assert not shell.status
    assert (driver.run(x)[0] == build.graph.run(x)).all()
    with pytest.raises(ZeroDivisionError):  # in between, while one batch is in progress
        driver.run(x, lambda *_: 1 // 0)  # type: ignore[arg-type,return-value]
    assert not shell.status
    assert (driver.run(x)[0] == build.graph.run(x)).all()


def test_images_refused_half_way(build: Build) -> None:
    driver, shell = board(build, memory=Memory(size=100 * 2 * 16 + 4 * r.ALIGN))
    x = images(build, 400)
    x[250] += 1000
    with pytest.raises(DriverError, match="images must hold integers"):
        driver.run(x)
    assert not shell.status
    x = images(build, 400)
    assert (driver.run(x)[0] == build.graph.run(x)).all()


def test_a_process_that_was_kept_waiting_sees_no_hang(build: Build, clock: Time) -> None:
    driver, shell = board(build)
    shell.looks = 1_000_000

    def pause() -> None:
        if shell.left == shell.looks - 2:  # two looks have seen nothing
            clock.now += 100.0
            shell.left = 1  # the hardware goes on meanwhile

    clock.before = pause
    x = images(build, 10)
    assert (driver.run(x)[0] == build.graph.run(x)).all()
    assert clock.now > 100


def test_what_a_program_before_has_left_is_stopped(build: Build) -> None:
    shell = Shell(build, Memory())
    shell.status = r.BUSY | r.READ_SLVERR
    AxiTransport(shell, shell.memory, clock_hz=1)
    assert not shell.status


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            {"identity": 0},
            "no Bitrill network at this address: IDENTITY reads 0x00000000, not 0x53",
        ),
        ({"version": 1}, "the board's registers have version 1, this driver supports 2: use the"),
        ({"digest": b"another!"}, r"the board holds another network \(616e6f7468657221\) than"),
        ({"stuck": 1}, r"the shell does not stop within 0.02 s: memory does not answer; flash"),
    ],
    ids=str,
)
def test_another_device_is_refused(build: Build, fault: dict[str, Any], message: str) -> None:
    with pytest.raises(DriverError, match=message):
        board(build, **fault)


def test_a_shell_that_hangs_for_good(build: Build) -> None:
    driver, shell = board(build, fault_in=0, hang=1)
    shell.faults["stuck"] = 1
    with pytest.raises(LinkError, match=r"the run did not end: .*; then the shell does not stop"):
        driver.run(images(build, 3))


def test_memory_that_the_hardware_cannot_use(build: Build) -> None:
    driver, shell = board(build, memory=Memory(skew=64))
    with pytest.raises(LinkError, match="must begin at a multiple of 128, not 0x10000040"):
        driver.run(images(build, 3))
    assert not shell.memory.buffers
    driver, _ = board(build, memory=Memory(first=1 << 44))
    message = r"cannot reach memory at 0x100000000000 \(its register keeps 0x0\): buffers must have"
    with pytest.raises(LinkError, match=message):
        driver.run(images(build, 3))


def test_batches_that_no_run_can_be(build: Build) -> None:
    driver, shell = board(build)
    t = axi_link(driver)
    for n, size, out in ((0, 8, 8), (2, 7, 8), (2, 8, 9)):
        with pytest.raises(LinkError, match=f"not {n} of {size} and {out} bytes"):
            t.submit(np.zeros((n, size), np.uint8), out)
    with pytest.raises(LinkError, match="no batch is in progress"):
        t.collect()
    frames = np.zeros((1, 8), np.uint8)
    t.submit(frames, 8)
    t.submit(frames, 8)
    with pytest.raises(LinkError, match="two batches are in progress: collect one"):
        t.submit(frames, 8)
    with pytest.raises(LinkError, match="only while no batch is in progress"):
        t.write_weights([])
    t.close()
    assert not shell.status


def test_what_came_back_stays(build: Build) -> None:
    driver, _ = board(build)
    form, t = driver.network.input.format(8), axi_link(driver)
    first, second = (form.pack(images(build, n)[:5].reshape(5, -1)) for n in (10, 20))
    t.submit(first, 8)
    data, _ = t.collect()
    before = data.copy()
    for _ in range(2):
        t.submit(second, 8)
    for _ in range(2):
        assert (t.collect()[0] != before).any()
    t.close()
    assert (data == before).all()


def test_the_interrupt_is_waited_for_where_there_is_one(build: Build) -> None:
    shell = Shell(build, Memory())
    waits: list[float] = []
    shell.interrupts, shell.wait = True, waits.append
    driver = Driver(network_of(build), AxiTransport(shell, shell.memory, clock_hz=1, timeout=30))
    driver.run(images(build, 5))
    assert shell.kept["INTERRUPT"] == 1
    assert waits == [0.1] * (shell.looks - 1)
    driver, shell = board(build)
    driver.run(images(build, 5))
    assert shell.kept["INTERRUPT"] == 0


def test_weights(build: Build) -> None:
    driver, shell = board(build)
    shell.weights = dict.fromkeys(range(32, 48, 4), 0)
    assert driver.write_weights((a, a + 1) for a in range(32, 48, 4)) == 4
    assert shell.weights == {a: a + 1 for a in range(32, 48, 4)}
    message = r"refuses a weight at address 0x40: .* --style runtime \(the bus answers SLVERR\)"
    with pytest.raises(LinkError, match=re.compile(message)):
        driver.write_weights([(32, 0), (64, 1)])
