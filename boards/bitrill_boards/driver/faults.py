"""Error messages for runs over AXI: what went wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from . import registers as r


def faults(status: int, spans: Sequence[tuple[int, int]]) -> list[str]:
    """Return messages about the error bits of STATUS.

    ``spans``: address and bytes of what the hardware read, then of what it wrote.
    """
    messages = []
    kinds = (("reading", r.READ_SLVERR, r.READ_DECERR), ("writing", r.WRITE_SLVERR, r.WRITE_DECERR))
    for (what, slverr, decerr), (address, nbytes) in zip(kinds, spans):  # noqa: B905
        where = f"{what} memory at {address:#x}..{address + nbytes - 1:#x} failed"
        if status & decerr:
            messages.append(
                f"{where} with DECERR: nothing is at these addresses; is the memory port enabled"
                " and its address map that of the board?"
            )
        if status & slverr:
            messages.append(
                f"{where} with SLVERR: the memory refuses the access; is the buffer the driver's"
                " own, and is this memory open to the programmable logic?"
            )
    if status & r.FRAME_ERROR:
        messages.append("the network got a frame of a wrong length: flash the bitstream again")
    return messages


def hang(done: int, of: int, seconds: float) -> str:
    """Return the message for a run of ``of`` frames that hangs after ``done`` for ``seconds``."""
    where = (
        "writing their results to memory hangs"
        if done == of
        else "reading memory, or the network, hangs"
    )
    return (
        f"the run did not end: {done} of {of} frames left the network, and none for"
        f" {seconds:g} s ({where}); it was stopped: try again, and if it hangs again,"
        " flash the bitstream again and check that its memory port is enabled"
    )
