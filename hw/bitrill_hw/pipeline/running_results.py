"""Running results: a memory whose words are updated, one for each beat, in a pipeline stage."""

from __future__ import annotations

from amaranth import *
from amaranth.lib import memory

from .elastic import Elastic
from .fifo import fifo_form


class Running:
    """``depth`` words of ``width`` bits; each beat uses the next word, in a cycle.

    ``word`` is the word of the beat in ``stage``; `update` sets its new value when the beat leaves.
    A word is read at the clock edge at which its beat enters. The previous beat uses another word,
    and writes it at that edge at the latest, so nothing has to be forwarded. A single word is a
    register.
    """

    def __init__(
        self, m: Module, pipe: Elastic, stage: int, *, depth: int, width: int, name: str
    ) -> None:
        self.m = m
        self._port: memory.WritePort | None = None
        self.word: Value
        if depth == 1:
            self.word = self._held = Signal(width, name=name, reset_less=True)
            return
        form = "block" if fifo_form(width, depth) == "block" else "distributed"
        words = memory.Memory(
            shape=unsigned(width), depth=depth, init=[], attrs={"ram_style": form}
        )
        m.submodules[name] = words
        self._port, read = words.write_port(), words.read_port()
        address = Signal(range(depth), name=f"{name}_next")
        with m.If(pipe.enters(stage)):
            m.d.sync += address.eq(Mux(address == depth - 1, 0, address + 1))
        m.d.comb += [
            read.addr.eq(address),
            read.en.eq(pipe.load[stage]),
            self._port.addr.eq(pipe.register(stage, address, f"{name}_at")),
        ]
        self.word = read.data

    def update(self, leaves: Value, value: Value) -> None:
        """Set the word to ``value`` at an edge at which its beat leaves."""
        if self._port is None:
            with self.m.If(leaves):
                self.m.d.sync += self._held.eq(value)
        else:
            self.m.d.comb += [self._port.en.eq(leaves), self._port.data.eq(value)]
