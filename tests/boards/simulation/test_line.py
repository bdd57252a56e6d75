"""A network behind a real serial port: pyserial, a pseudo-terminal, and the verilated shell at its
other end. Bits turn round, bytes get lost, frames are cut and interrupted, hosts die: nothing is
lost, and no wrong answer is given."""

from __future__ import annotations

import contextlib
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from bitrill import flow
from bitrill.cli import main
from bitrill.flow.data import samples
from bitrill_boards import toolchains
from bitrill_boards.driver import LinkError, PySerial, SerialTransport, messages
from bitrill_boards.simulation.simulated_serial import Noise
from boards.flash import bitfiles
from boards.flash.jtag import Cable, Ecp5
from boards.flash.tools import need_openfpgaloader
from boards.simulation.lines import (
    BAUD,
    SLACK,
    Board,
    Ecp5Tools,
    Recorded,
    Tears,
    kill_a_host,
    leave,
)
from frontend.onnx_models import Net, save
from support import shared_data, shared_model


@pytest.fixture(scope="module")
def small_board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """A network slower than the line, so that two requests are under way."""
    folder = tmp_path_factory.mktemp("line")
    net = Net(1, 1, 4, 8)
    x = net.quant(net.node("Reshape", "x", net.shape_const(1, -1)), 0.25)
    x = net.quant(net.node("Relu", net.dense(x, 32, 16, scale=0.3)), 4.0, bits=2.0, signed=0)
    model = save(net.proto(net.dense(x, 16, 4, bits=3.0)), folder)
    found = Board(flow.compile(model, out=folder / "b", part="portable", fps=1000).build, folder)
    assert found.build.predicted.ii > 10 * (messages.AROUND + found.network.input.format(1).bytes)
    return found


@pytest.fixture
def board(small_board: Board) -> Iterator[Board]:
    yield small_board
    while small_board.made:
        small_board.made.pop().close()


def test_pyserial_over_a_port(board: Board) -> None:
    x, wanted = board.frames(40, seed=1)
    with board.driver(board.port()) as driver:
        assert (driver.run(x)[0] == wanted).all()
        assert driver.transport.damaged == 0


def test_from_flash_to_self_test(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One command: the bitstream over JTAG into a chip, then recorded frames over the serial
    port; the chip is simulated, the port leads to the RTL."""
    need_openfpgaloader()
    monkeypatch.setattr(toolchains, "load", lambda name: Ecp5Tools())
    flow.build("ulx3s-85f", board.build, out=tmp_path, samples=30, clock_mhz=12)
    chip, port = Ecp5(0x41113043), board.port()
    cable = Cable(chip)
    code = main(
        [
            "flash",
            "ulx3s-85f",
            str(board.build.folder),
            "--source",
            str(tmp_path),
            "--xvc",
            cable.address,
            "--self-test",
            "--port",
            port.name,
        ]
    )
    cable.close()
    out, told = capfd.readouterr()
    assert chip.taken.lstrip(b"\xff") == bitfiles.ecp5_data(bitfiles.ecp5()).lstrip(b"\xff")
    assert (code, "mismatches: 0 of 30 frames (ulx3s-85f, uart)" in out) == (0, True), told


def test_noise_costs_time_alone(board: Board) -> None:
    """One bit of a thousand turns round, on either way."""
    x, wanted = board.frames(150, seed=2)
    noise = Noise(flip=1e-3, drop=1e-3, twice=1e-3, seed=1)
    with board.driver(board.port(noise)) as driver:
        assert (driver.run(x)[0] == wanted).all()
        assert driver.transport.resent > 0


def test_frames_cut_off_and_interrupted(board: Board) -> None:
    x, wanted = board.frames(60, seed=3)
    tears = Tears(seed=3, probability=0.5)
    with board.driver(board.port(tear=tears)) as driver:
        assert (driver.run(x)[0] == wanted).all()
    assert tears.torn > 5


def test_a_host_is_killed_and_another_one_starts(board: Board) -> None:
    port = board.port()
    for seed in range(2):
        kill_a_host(board, port, seed)
        x, wanted = board.frames(20, seed=seed)
        with board.driver(port) as driver:
            assert (driver.run(x)[0] == wanted).all()


def check_after(board: Board, cuts: Iterable[int]) -> None:
    """Check answers to two old requests, which have the numbers of the new host's frames."""
    port = board.port()
    for cut in cuts:
        leave(board, port, cut)
        x, wanted = board.frames(3, seed=cut)
        with board.driver(port) as driver:
            assert (driver.run(x)[0] == wanted).all(), cut


def test_a_host_is_gone_in_the_middle_of_a_frame(board: Board) -> None:
    check_after(board, (0, 1, 3, 8, 12))


def test_a_length_that_is_noise_is_forgotten(board: Board) -> None:
    """A head that announces 65,535 bytes, and silence: by counting them alone, the board would
    swallow thousands of requests."""
    port = board.port()
    serial = PySerial(port.name, BAUD)
    serial.write(bytes((messages.REQUEST, messages.RUN, 2, 0xFF, 0xFF)))
    serial.close()
    x, wanted = board.frames(3, seed=6)
    with board.driver(port) as driver:
        assert (driver.run(x)[0] == wanted).all()


def test_the_board_is_unplugged(board: Board) -> None:
    port = board.port()
    driver = board.driver(port)
    x, _ = board.frames(5, seed=5)
    driver.run(x)
    threading.Timer(0.1, port.unplug).start()
    with pytest.raises(LinkError, match=rf"the serial port {port.name} is gone \(.*\): was the bo"):
        list(iter(lambda: driver.run(x) and None, 0))  # on and on
    driver.close()


def test_the_simulation_ends(board: Board) -> None:
    """The reason of the end is kept, and the driver sees that the port is gone."""
    port = board.port()
    driver = board.driver(port)
    port.line.close()
    with pytest.raises(LinkError, match=r"the serial port .* is gone"):
        driver.run(board.frames(5, seed=5)[0])
    assert "the simulation ended" in str(port.error)


def test_an_answer_to_a_host_before_that_is_as_long_as_an_identity() -> None:
    stale = messages.reply(messages.DONE, 1, bytes(28))
    identity = messages.IDENTITY.pack(
        messages.MAGIC, messages.VERSION, 0, b"12345678", 12_000_000, 98, 24
    )
    line = Recorded(stale, messages.reply(messages.DONE, 2, identity))
    assert SerialTransport(line).device.bytes_out == 24
    with pytest.raises(LinkError, match="the device is no Bitrill network: an identity must begin"):
        SerialTransport(
            Recorded(*(messages.reply(messages.DONE, k, bytes(28)) for k in range(1, 9)))
        )


def test_an_answer_behind_a_damaged_one_is_not_lost() -> None:
    """The damaged one's length reaches over it."""
    good = messages.reply(messages.DONE, 3, b"right")
    damaged = bytearray(messages.reply(messages.DONE, 2, b"wrong"))
    damaged[3] += 9
    replies = messages.ReplyParser(64)
    found = replies.feed(bytes(damaged) + good + messages.reply(messages.DONE, 4, b"last"))
    assert [r.number for r in found] == [3, 4]


def test_patience_with_a_slow_network() -> None:
    """Once it has answered, a network that computes for a second gets the time for two frames."""
    identity = messages.IDENTITY.pack(
        messages.MAGIC, messages.VERSION, 0, b"12345678", 12_000_000, 1, 2
    )
    result = bytes(2) + (12_000_000).to_bytes(4, "little")
    line = Recorded(
        messages.reply(messages.DONE, 1, identity),
        messages.reply(messages.DONE, 2, result),
        messages.reply(messages.DONE, 3, result),
    )
    answers = list(SerialTransport(line).run([b"a", b"b"]))
    assert [cycles for _, cycles in answers] == [12_000_000] * 2
    assert max(line.waits[:2]) < 0.1
    assert 2 < line.waits[2] < 2.1


def any_crc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "zlib", SimpleNamespace(crc32=lambda b: _Equal(zlib.crc32(b))))


def any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    take = SerialTransport._take

    def first(self, reply, under_way, done, size):
        number = next(iter(under_way), reply.number)
        take(self, replace(reply, number=number), under_way, done, size)

    monkeypatch.setattr(SerialTransport, "_take", first)


class _Equal(int):
    """A CRC that equals any other."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize("fault", [any_crc, any_number])
def test_a_careless_driver_would_be_seen(
    board: Board, monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """The lines above are bad enough: without the CRC, or the numbers, answers are wrong."""
    x, wanted = board.frames(150, seed=2)
    with board.driver(board.port(Noise(flip=1e-3, seed=1), tear=Tears(seed=1))) as driver:
        fault(monkeypatch)
        # a damaged count of cycles, believed, would make it wait for minutes
        quick = property(lambda transport: 0.0, lambda transport, seconds: None)
        monkeypatch.setattr(SerialTransport, "_computing", quick, raising=False)
        with contextlib.suppress(LinkError):  # a status that was damaged, and believed
            assert (driver.run(x)[0] != wanted).any()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A trained network 784-64-64-64-10 for MNIST."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BITRILL_DATA", str(shared_data()))
        yield from _trained(folder)


def _trained(folder: Path) -> Iterator[Board]:
    model = shared_model("TFC_1W1A.onnx")
    found = Board(flow.compile(model, out=folder / "b", part="portable").build, folder)
    yield found
    while found.made:
        found.made.pop().close()


@pytest.mark.nightly
@pytest.mark.parametrize("flip", [0.0, 1e-5, 1e-4, 1e-3])
@pytest.mark.parametrize(("frames", "divisor"), [(10_000, None), (200, 12)], ids=["bytes", "bits"])
def test_mnist_over_bad_lines(
    trained: Board, frames: int, divisor: int | None, flip: float, record_property
) -> None:
    """No frame is lost, and no wrong result is given."""
    images = samples(trained.build.graph, "mnist", frames, seed=0).x
    wanted = flow.run(trained.build, images).integers
    tears = Tears(seed=9, probability=0.02) if flip else None
    start, cpu = time.perf_counter(), time.process_time()
    with (
        trained.port(Noise(flip=flip, seed=frames), divisor=divisor, tear=tears) as port,
        trained.driver(port, SLACK if flip and divisor is None else 20 * SLACK) as driver,
    ):
        assert (driver.run(images)[0] == wanted).all()
        report = (
            f"{'bytes' if divisor is None else 'bits'} flip={flip:g} frames={frames}"
            f" resent={driver.transport.resent} damaged={driver.transport.damaged}"
            f" torn={tears.torn if tears else 0} seconds={time.perf_counter() - start:.0f}"
            f" cpu={time.process_time() - cpu:.0f} cycles={port.line.now}"
            f" cycles_per_frame={driver.report()['cycles_per_frame']:.0f}"
        )
    record_property("line", report)
    print(report)


@pytest.mark.nightly
def test_a_host_is_gone_at_every_byte(board: Board) -> None:
    length = 2 * (messages.AROUND + board.network.input.format(1).bytes)
    check_after(board, range(length))


@pytest.mark.nightly
def test_many_hosts_are_killed(board: Board) -> None:
    port = board.port(Noise(flip=1e-4, seed=8))
    for seed in range(20):
        kill_a_host(board, port, seed)
        x, wanted = board.frames(20, seed=seed)
        with board.driver(port) as driver:
            assert (driver.run(x)[0] == wanted).all()
