"""The C driver over RTL: 1,000 frames through the simulated Zynq shell, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill_boards.driver.registers import CLEAR, OFFSETS, STOP
from boards.c_driver.linked import FRAMES, Linked
from boards.driver.tree import Tree
from boards.simulation.shells import Case


@pytest.fixture(scope="module")
def linked(odd: Case, tmp_path_factory: pytest.TempPathFactory) -> Linked:
    return Linked(odd.graph, tmp_path_factory.mktemp("c"))


STALLS = [{}, {"stall": 0.3, "pause": 6, "seed": 1}]


@pytest.mark.parametrize("bench", STALLS, ids=["free", "stalled"])
def test_behind_the_zynq_shell(odd: Case, linked: Linked, bench: dict) -> None:
    shell = odd.shell(**bench)
    found, cycles, _ = linked.through(shell)
    assert (found == linked.wanted).all()
    traffic = shell.traffic()
    assert (traffic.read_words, traffic.write_words, traffic.owed) == (3000, 4000, 0)
    with odd.driver(shell) as driver:
        integers, _ = driver.run(linked.images)
    assert (found == integers.reshape(FRAMES, -1)).all()
    assert cycles / FRAMES < 1.1 * driver.report()["cycles_per_frame"]


def test_faults_of_memory_are_told(odd: Case, linked: Linked) -> None:
    """The next run works."""
    shell = odd.shell()
    for write, at in ((False, 0x10000F80 + 50 * 24), (True, 0x20000000 + 8)):
        shell.fault(at, 8, 3, write=write)
        with pytest.raises(ValueError, match="the hardware's access to memory failed"):
            linked.through(shell)
        shell.mend()
    assert (linked.through(shell)[0] == linked.wanted).all()
    shell.close()


def test_another_network_is_refused(odd: Case, tmp_path: Path) -> None:
    """Even if only the last bits of its digest are others."""
    digest = bytes([*odd.network.digest[:7], odd.network.digest[7] ^ 1]).hex()
    other = Linked(odd.graph, tmp_path, digest=digest)
    shell = odd.shell()
    with pytest.raises(ValueError, match="the board holds another network"):
        other.through(shell)
    shell.close()


def test_through_uio_and_shared_memory(odd: Case, linked: Linked, tmp_path: Path) -> None:
    """Registers and buffer are files; after the opening, the simulated shell has the registers."""
    shell = odd.shell()
    tree = Tree(tmp_path)
    tree.uio(0)
    folder = tree.buffer(size=3 * 4096, address=0x10000000)
    for name in ("IDENTITY", "VERSION", "DIGEST_LOW", "DIGEST_HIGH"):
        tree.poke(OFFSETS[name], shell.registers.read(OFFSETS[name]), "dev/uio0")
    files = [str(tmp_path / p) for p in ("dev/uio0", "dev/bitrill")] + [str(folder)]
    pipes = {"stdin": shell._from, "stdout": shell._to}
    found, _, _ = linked.run("linux", "1000", *files, **pipes)  # as many at a time as fit
    assert (found == linked.wanted).all()
    assert tree.peek(OFFSETS["CONTROL"], "dev/uio0") == STOP
    assert tree.peek(OFFSETS["STATUS"], "dev/uio0") == CLEAR
    tree.poke(OFFSETS["VERSION"], 1, "dev/uio0")
    with pytest.raises(ValueError, match="no Bitrill network answers here"):
        linked.run("linux", "1000", *files, **pipes)
    for k in range(3):
        with pytest.raises(ValueError, match="a device cannot be opened"):
            linked.run("linux", "9", *(f if n != k else f + "x" for n, f in enumerate(files)))
    shell.close()
