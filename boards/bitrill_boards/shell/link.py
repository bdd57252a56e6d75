"""The board's end of the serial link: frames over a line that may lose or damage bytes.

    request  A5 operation number length(2) payload CRC-32(4)
    reply    5A status    number length(2) payload CRC-32(4)

Numbers of several bytes are sent low byte first. The CRC-32 (ISO-HDLC, as zlib's) covers everything
after the first byte. The reply repeats ``number``, so that the host knows which request it answers.
A network keeps no state from frame to frame: a repeated request is computed again, with the same
reply.

=========  ==========================  ===================================================
operation  payload of the request      payload of the reply
=========  ==========================  ===================================================
0 IDENT    none                        `Identity`
1 RUN      a frame: dense bits, low    the resulting frame, and the cycles between the
           first, in whole bytes       network's first beat in and last beat out (4 bytes)
2 RESET    none                        none; the network is reset
=========  ==========================  ===================================================

``status``: 0 done; 1 a damaged request (its number may be wrong); 2 an unknown operation or a
payload of a wrong length; 3 the network found a frame of a wrong length.

Two requests may be pending: one is computed and answered while the next one arrives. A third one is
dropped. A request that stops half-way is dropped after ``timeout`` cycles without a byte.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill_hw.pipeline.stream import beats

from .replies import Identity, Replies
from .requests import Requests


class Link(wiring.Component):
    """Connects bytes of the line with bytes of the network's frames.

    Members
    -------
    rx, tx : bytes of the line
    i, o : bytes of frames to the network and from it
    enters, leaves : In(1)
        The first beat of a frame enters the network; the last one leaves it.
    fault : In(1)
        The network found a frame of a wrong length.
    reset : Out(1)
        Reset the network.
    """

    def __init__(self, identity: Identity, *, timeout: int):
        self.identity, self.timeout = identity, timeout
        super().__init__(
            {
                "rx": In(beats(8)),
                "tx": Out(beats(8)),
                "i": Out(beats(8)),
                "o": In(beats(8)),
                "enters": In(1),
                "leaves": In(1),
                "fault": In(1),
                "reset": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.requests = requests = Requests(self.identity.bytes_in, timeout=self.timeout)
        m.submodules.replies = replies = Replies(self.identity)
        wiring.connect(m, wiring.flipped(self.rx), requests.rx)
        wiring.connect(m, wiring.flipped(self.tx), replies.tx)
        wiring.connect(m, wiring.flipped(self.i), requests.i)
        wiring.connect(m, wiring.flipped(self.o), replies.o)
        m.d.comb += [
            replies.asked.eq(requests.pending),
            replies.status.eq(requests.status),
            replies.operation.eq(requests.operation),
            replies.number.eq(requests.number),
            requests.taken.eq(replies.taken),
            requests.feed.eq(replies.feed),
            replies.fault.eq(self.fault),
            replies.enters.eq(self.enters),
            replies.leaves.eq(self.leaves),
            self.reset.eq(replies.reset),
            requests.reset.eq(replies.reset),
        ]
        return m
