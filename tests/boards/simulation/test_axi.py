"""The driver over RTL: networks behind the shell of Zynq boards, memory with latency and stalls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from bitrill_boards.driver import DriverError, LinkError
from bitrill_boards.driver import registers as r
from bitrill_boards.driver.registers import OFFSETS
from bitrill_boards.simulation.simulated_axi import DECERR, SLVERR, SimulatedShell
from boards.simulation.shells import Case, Host, bursts
from support import shared_data

STALLS = [{}, {"stall": 0.3, "pause": 6, "seed": 1}]
BENCHES = pytest.mark.parametrize("bench", STALLS, ids=["free", "stalled"])


@pytest.fixture
def shell(odd: Case) -> Iterator[SimulatedShell]:
    found = odd.shell()
    yield found
    found.close()


@BENCHES
def test_mnist_images_come_back_bit_for_bit(
    trained: Case, bench: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,000 images of the test set; each word over the bus once, no cycle lost between frames."""
    from bitrill.train.datasets import load

    monkeypatch.setenv("BITRILL_DATA", str(shared_data()))
    images = np.asarray(load("mnist", "test")[0])[:1000].reshape(-1, *trained.graph.source.shape)
    shell = trained.shell(**bench)
    with trained.driver(shell) as driver:
        integers, _ = driver.run(images)
        traffic = shell.traffic()
        report = driver.report()
    wanted = trained.graph.run(trained.graph.source.quantize(images))
    assert (integers == wanted).all()
    assert (traffic.read_words, traffic.write_words, traffic.owed) == (13_000, 2_000, 0)
    assert report["frames"] == 1000
    assert trained.predicted.ii == 64
    assert 64 <= report["cycles_per_frame"] < 64 * 1.02


@pytest.mark.parametrize("name", ["trained", pytest.param("odd", marks=pytest.mark.nightly)])
def test_a_frame_takes_the_interval_of_the_network(
    name: str, request: pytest.FixtureRequest
) -> None:
    """A frame takes exactly the interval, if the memory does not pause."""
    case: Case = request.getfixturevalue(name)
    cycles = {}
    for n in (24, 56):  # the last burst of results is whole
        shell = case.shell()
        with case.driver(shell) as driver:
            driver.run(case.images(n))
            cycles[n] = driver.cycles
    assert cycles[56] - cycles[24] == 32 * case.predicted.ii


@pytest.mark.parametrize(
    "bench",
    # so near that the reader's window fills; so far that the writer's does
    [*STALLS, {"latency": 1}, {"latency": 2000}],
    ids=["free", "stalled", "near", "far"],
)
def test_each_word_is_moved_once_and_in_bursts(odd: Case, bench: dict) -> None:
    shell = odd.shell(**bench)
    host = Host.of(odd, shell, 150)  # more than the window holds
    assert host.whole()
    found = shell.bursts()
    assert [b[1:] for b in found if not b[0]] == bursts(host.into.address, 150 * 3)
    assert [b[1:] for b in found if b[0]] == bursts(host.out.address, 150 * 4)
    assert (host.read("FRAMES"), shell.traffic().owed) == (150, 0)
    shell.close()


@pytest.mark.nightly
def test_the_port_is_the_limit_where_the_network_is_fast(fast: Case) -> None:
    """A word a cycle each way, at a hundred cycles of latency: 97 % of the port's beats."""
    assert (fast.predicted.ii, fast.edges.frame_in, fast.edges.frame_out) == (1, 64, 64)
    shell = fast.shell(latency=100)
    host = Host.of(fast, shell, 3000)
    assert host.whole()
    traffic = shell.traffic()
    shell.close()
    assert traffic.read_words == traffic.write_words == 3000
    print(f"read {traffic.read_use:.4f}, written {traffic.write_use:.4f} of the beats")
    assert traffic.read_use >= 0.97
    assert traffic.write_use >= 0.97


def test_the_interrupt_tells_the_end(odd: Case, shell: SimulatedShell) -> None:
    host = Host.of(odd, shell, 20)
    host.start()
    host.finish()
    assert not shell.run(100, interrupt=True)
    host.write("STATUS", r.CLEAR)
    host.write("INTERRUPT", 1)
    begin = shell.traffic().now
    host.start()
    assert shell.run(5000, interrupt=True)
    took = shell.traffic().now - begin
    assert host.read("STATUS") == r.DONE
    assert took - 60 < host.read("CYCLES_LOW") <= took  # the writes before the start take some
    assert host.read("CYCLES_HIGH") == 0
    assert shell.run(50)  # it stays
    host.write("STATUS", r.CLEAR)
    assert not shell.run(1)


@BENCHES
def test_what_is_no_register_gets_slverr(odd: Case, bench: dict) -> None:
    shell = odd.shell(**bench)
    registers = shell.registers
    before = {name: registers.read(k) for name, k in OFFSETS.items()}
    assert before["IDENTITY"] == int.from_bytes(b"BTRS", "little")
    assert before["VERSION"] == r.VERSION
    offsets = [4 * len(OFFSETS), 4 * len(OFFSETS) + 4, 0x80, 0x100, 0x400, 0x800, 0xFFC]
    for offset in [*offsets, *(k + 1 for k in OFFSETS.values()), 2, 3]:
        with pytest.raises(LinkError, match=rf"reading .* at {offset:#x} was refused \(SLVERR\)"):
            registers.read(offset)
        with pytest.raises(LinkError, match=rf"writing .* at {offset:#x} was refused \(SLVERR\)"):
            registers.write(offset, 0xFFFFFFFF)
    for name in ("IDENTITY", "VERSION", "DIGEST_LOW", "DIGEST_HIGH", "FRAMES", "CYCLES_LOW"):
        with pytest.raises(LinkError, match=rf"at {OFFSETS[name]:#x} was refused"):
            registers.write(OFFSETS[name], 0xFFFFFFFF)
    assert {name: registers.read(k) for name, k in OFFSETS.items()} == before
    bits = {  # that mean something, of memory addresses of 40 bits
        "INTERRUPT": 1,
        "IN_ADDRESS_LOW": 0xFFFFFF80,
        "IN_ADDRESS_HIGH": 0xFF,
        "IN_WORDS": 0xFFFFFFFF,
        "OUT_ADDRESS_LOW": 0xFFFFFF80,
        "OUT_ADDRESS_HIGH": 0xFF,
        "OUT_WORDS": 0xFFFFFFFF,
    }
    assert tuple(bits) == r.WRITABLE
    for seed in (0x9E3779B9, 0x61C88646):  # one all that the other is not
        for k, name in enumerate(bits):
            registers.write(OFFSETS[name], seed + k)
        for k, (name, mask) in enumerate(bits.items()):
            assert registers.read(OFFSETS[name]) == (seed + k) & mask, name
    shell.close()


def test_a_busy_shell_refuses_what_would_disturb_it(odd: Case, shell: SimulatedShell) -> None:
    host = Host.of(odd, shell, 40)
    host.blank()
    host.start()
    for name in (*r.WRITABLE, "CONTROL"):
        with pytest.raises(LinkError, match=rf"writing .* at {OFFSETS[name]:#x} was refused"):
            host.write(name, r.START)
    with pytest.raises(LinkError, match="was refused"):
        host.write("CONTROL", r.START | r.STOP)
    assert host.read("STATUS") == r.BUSY
    assert host.finish() == r.DONE
    assert host.right
    assert host.read("FRAMES") == 40


def test_another_network_is_refused(odd: Case, trained: Case, shell: SimulatedShell) -> None:
    host = Host.of(odd, shell, 1)
    digest = host.read("DIGEST_HIGH") << 32 | host.read("DIGEST_LOW")
    assert digest.to_bytes(8, "big") == odd.edges.digest
    with pytest.raises(DriverError, match=f"holds another network .{odd.edges.digest.hex()}"):
        Case.driver(trained, shell)


BITS = {
    (False, SLVERR): r.READ_SLVERR,
    (False, DECERR): r.READ_DECERR,
    (True, SLVERR): r.WRITE_SLVERR,
    (True, DECERR): r.WRITE_DECERR,
}


@BENCHES
@pytest.mark.parametrize(("write", "response"), BITS)
def test_errors_of_memory_are_told(odd: Case, bench: dict, write: bool, response: int) -> None:
    """Wherever they come; the run ends, and the next one is right."""
    shell = odd.shell(**bench)
    host = Host.of(odd, shell, 12)
    buffer = host.out if write else host.into
    for k in (0, 1, 15, 16, len(buffer.array) // 8 - 1):
        shell.fault(buffer.address + 8 * k, 8, response, write=write)
        host.start()
        assert host.finish() == r.DONE | BITS[write, response]
        shell.mend()
        assert host.whole()
    shell.close()


def test_the_driver_tells_them_and_goes_on(odd: Case, shell: SimulatedShell) -> None:
    driver, images = odd.driver(shell), odd.images(30)
    wanted = odd.graph.run(images)
    assert (driver.run(images)[0] == wanted).all()
    shell.fault(0, 1 << 40, DECERR)
    with pytest.raises(LinkError, match=r"reading memory at 0x[0-9a-f]+\.\.0x.* with DECERR"):
        driver.run(images)
    shell.mend()
    assert (driver.run(images)[0] == wanted).all()


def test_memory_at_high_addresses(odd: Case, shell: SimulatedShell) -> None:
    host = Host.of(odd, shell, 9)
    assert host.into.address.bit_length() == 37  # past what one register holds
    assert host.whole()


def test_memory_that_is_not_there(odd: Case, shell: SimulatedShell) -> None:
    host = Host.of(odd, shell, 4)
    host.out.close()
    host.start()
    assert host.finish() == r.DONE | r.WRITE_DECERR


@pytest.mark.parametrize("words", range(8))
def test_a_run_of_half_a_frame_leaves_nothing(odd: Case, shell: SimulatedShell, words: int) -> None:
    """A start resets the network: what a wrong run has left does not go before the next one."""
    host = Host.of(odd, shell, 6)
    for outs in (0, 1, 3):
        if outs > words // 3 * 4:
            break
        host.shell.registers.write_all(
            [
                *host.setup,
                (OFFSETS["IN_WORDS"], words),
                (OFFSETS["OUT_WORDS"], outs),
                (OFFSETS["CONTROL"], r.START),
            ]
        )
        assert host.finish() == r.DONE
        assert host.whole()


def test_a_stop_without_a_run(odd: Case, shell: SimulatedShell) -> None:
    host = Host.of(odd, shell, 6)
    host.write("STATUS", r.CLEAR)
    host.stop()
    assert host.finish(r.STOPPED) == r.STOPPED
    assert host.whole()


@BENCHES
def test_a_stop_at_any_cycle_of_a_run(odd: Case, bench: dict) -> None:
    """After a stop no access is pending, written results are right, and so is the next run."""
    sweep(odd, bench, frames=24, step=1 if not bench else 3)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(4))
def test_a_stop_at_any_cycle_of_a_trained_network(trained: Case, seed: int) -> None:
    sweep(trained, {"stall": 0.1 * seed, "pause": 1 + 5 * seed, "seed": seed}, frames=8, step=1)


def sweep(case: Case, bench: dict, *, frames: int, step: int) -> None:
    """Stop every so many cycles of a run of so many frames, each followed by a short run."""
    shell = case.shell(latency=20, **bench)
    host, short = Host.of(case, shell, frames), Host.of(case, shell, 3, seed=1)
    assert host.whole()
    cycles = host.read("CYCLES_LOW")
    assert cycles > frames * case.predicted.ii
    # the shortest way from a start to a stop
    shell.registers.write_all(
        [*host.setup, (OFFSETS["CONTROL"], r.START), (OFFSETS["CONTROL"], r.STOP)]
    )
    host.finish(r.STOPPED)
    assert short.whole()
    ended = 0
    for k in range(0, cycles + 20, step):
        host.blank()
        host.start()
        shell.run(k)
        assert host.stopped(), k
        ended += host.right
        assert short.whole(), k
        assert short.read("FRAMES") == 3
    assert ended < cycles // step // 2  # the others were stopped in time
    shell.close()
