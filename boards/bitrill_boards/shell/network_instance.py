"""Places a compiled network's Verilog in a shell: its edges become streams of dense words."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill.errors import SpecError
from bitrill.ir.graph import INPUT, Graph
from bitrill.ir.serialisation import digest
from bitrill.runtime.register_map import address_bits, register_map, streamed
from bitrill_hw.design.axilite import axi_lite
from bitrill_hw.design.control import PREFIX
from bitrill_hw.design.top import WATCHED
from bitrill_hw.pipeline.stream import beats, padded

from .gear_timing import keeping
from .gearbox import Gearbox
from .gears import gear

MEMORY_BITS = 64
"""Bits of a word of a shell with ports to memory."""


@dataclass(frozen=True)
class Edges:
    """Interface of a compiled network, as a shell needs it.

    Bits of a beat and beats of a frame on both sides; ``interval``: cycles from frame to frame;
    ``digest``: first 8 bytes of the graph's digest; ``register_bits``: address bits of the
    network's own registers, 0 if no weights are writable; ``chunks``: bits per cycle, in and out,
    that must be moved from and to words of `MEMORY_BITS`, so that the network keeps its interval;
    ``layers``: number of layers that are watched by counters.
    """

    bits_in: int
    beats_in: int
    bits_out: int
    beats_out: int
    interval: Fraction
    digest: bytes
    register_bits: int = 0
    chunks: tuple[int, int] = (1, 1)
    layers: int = 0

    @staticmethod
    def of(graph: Graph, interval: Fraction, *, counters: bool = False) -> Edges:
        """Return the edges of a FOLDED graph; `SpecError` if it gets weights over a stream.

        ``counters``: its Verilog has a port to watch its layers.
        """
        if nodes := streamed(graph):
            raise SpecError(
                f"{graph.name}: a board has no stream of weights for {nodes[0].name}: its style"
                " must be folded, unrolled or runtime, not streamed"
            )
        first, last = graph.reader(INPUT), graph.producer(graph.output)
        windows = register_map(graph)
        into, out, _ = keeping(graph, interval, MEMORY_BITS)
        return Edges(
            first.lanes_in * first.x.type.bits,
            first.beats_in,
            last.lanes_out * last.y.type.bits,
            last.beats_out,
            interval,
            bytes.fromhex(digest(graph))[:8],
            address_bits(windows) if windows else 0,
            (into.chunk, out.chunk),
            len(graph.nodes) if counters else 0,
        )

    @property
    def frame_in(self) -> int:
        """Bits of an input frame."""
        return self.bits_in * self.beats_in

    @property
    def frame_out(self) -> int:
        """Bits of an output frame."""
        return self.bits_out * self.beats_out


class NetworkInstance(wiring.Component):
    """Module ``top`` of a build, connected to streams of words of ``width`` bits.

    Frames are dense bits, low first; each starts on a new word.

    Members
    -------
    i, o : words
    last : Out(1), valid with ``o.payload``
        This word ends a frame.
    enters, leaves : Out(1)
        The first beat of a frame enters; the last one leaves.
    error : Out(1)
        A frame had the wrong length; stays 1 until ``clear``.
    clear : In(1)
        Reset the network; frames inside are lost.
    watch : Out(`bitrill_hw.design.top.WATCHED` bits for each layer), if layers are watched
    weights : In(`axi_lite`)
        The network's own registers, if it has any. If unconnected, the weights are those that were
        compiled in.
    """

    def __init__(self, edges: Edges, width: int):
        self.edges, self.width = edges, width
        bits = edges.register_bits
        super().__init__(
            {
                "i": In(beats(width)),
                "o": Out(beats(width)),
                "last": Out(1),
                "enters": Out(1),
                "leaves": Out(1),
                "error": Out(1),
                "clear": In(1),
                **({"watch": Out(WATCHED * edges.layers)} if edges.layers else {}),
                **({"weights": In(axi_lite(bits))} if bits else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        e = self.edges
        least = e.chunks if self.width == MEMORY_BITS else (1, 1)  # a serial line is slower anyway
        rates = [{"interval": e.interval, "least": n} for n in least]
        into = Gearbox(gear(self.width, e.bits_in, frame_bits=e.frame_in, **rates[0]))
        out = Gearbox(gear(e.bits_out, self.width, frame_bits=e.frame_out, **rates[1]))
        m.submodules.into = ResetInserter(self.clear)(into)
        m.submodules.out = ResetInserter(self.clear)(out)
        wiring.connect(m, wiring.flipped(self.i), into.i)
        wiring.connect(m, wiring.flipped(self.o), out.o)
        into_ready, data, valid, last = Signal(), Signal(padded(e.bits_out)), Signal(), Signal()
        m.submodules.network = Instance(
            "top",
            i_aclk=ClockSignal(),
            i_aresetn=~(ResetSignal() | self.clear),
            i_s_axis_tdata=Cat(into.o.payload, C(0, padded(e.bits_in) - e.bits_in)),
            i_s_axis_tvalid=into.o.valid,
            i_s_axis_tlast=into.last,
            o_s_axis_tready=into_ready,
            o_m_axis_tdata=data,
            o_m_axis_tvalid=valid,
            o_m_axis_tlast=last,
            i_m_axis_tready=out.i.ready,
            o_error=self.error,
            **({"o_watch": self.watch} if e.layers else {}),
            **self._weight_ports(),
        )
        first = Signal(init=1)
        moves = into.o.valid & into_ready
        with m.If(moves):
            m.d.sync += first.eq(into.last)
        with m.If(self.clear):
            m.d.sync += first.eq(1)
        m.d.comb += [
            into.o.ready.eq(into_ready),
            out.i.valid.eq(valid),
            out.i.payload.eq(data),
            self.last.eq(out.last),
            self.enters.eq(moves & first),
            self.leaves.eq(valid & last & out.i.ready),
        ]
        return m

    def _weight_ports(self) -> dict[str, Signal]:
        """Return the instance's arguments for the ports of the network's registers."""
        if not self.edges.register_bits:
            return {}
        members = axi_lite(self.edges.register_bits).members
        return {
            f"{'i' if member.flow is Out else 'o'}_{PREFIX}{name}": getattr(self.weights, name)
            for name, member in members.items()
        }
