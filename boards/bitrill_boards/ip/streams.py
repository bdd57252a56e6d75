"""The two streams of a core in figures: beats, elements, codes; and frames as beats."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from bitrill.ir.graph import INPUT
from bitrill.ir.types import Tensor

from ..driver.packing import Format
from .core import Core


@dataclass(frozen=True)
class CoreStream:
    """One of a core's two streams of frames.

    ``tdata_bits``: bits of a beat; ``beats``: beats of a frame; ``elements``: elements of a frame;
    ``lanes``: elements in each beat, None if frames are dense bits that beats cut anywhere.
    ``order``: sizes of the axes in which the elements follow each other, the last one fastest.
    ``element_bits``, ``signed``, ``coding``, ``lo``, ``hi``: an element's code. ``padding_bits``:
    meaningless bits at the high end of each beat, or, if frames are dense, of the last beat.
    """

    port: str
    direction: str
    tdata_bits: int
    beats: int
    elements: int
    lanes: int | None
    order: tuple[int, ...]
    element_bits: int
    signed: bool
    coding: str
    lo: int
    hi: int
    padding_bits: int

    @property
    def dense(self) -> bool:
        return self.lanes is None

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "order": list(self.order), "dense": self.dense}

    def words(self, values: np.ndarray) -> list[int]:
        """Return the beats of frames, integers ``[N, elements]`` in the stream's order."""
        per_word = self.elements if self.lanes is None else self.lanes
        code = {"signed": self.signed, "coding": self.coding}
        form = Format(per_word, self.element_bits, **code, align=self.tdata_bits // 8)
        data = form.pack(np.asarray(values).reshape(-1, per_word)).tobytes()
        size = self.tdata_bits // 8
        return [int.from_bytes(data[k : k + size], "little") for k in range(0, len(data), size)]


def streams(core: Core) -> tuple[CoreStream, CoreStream]:
    """Return a core's input and output."""
    graph = core.graph
    first, last = graph.reader(INPUT), graph.producer(graph.output)
    lanes = (None, None) if core.stream_bits else (first.lanes_in, last.lanes_out)
    beats = core.shell.words
    return (
        _stream(core, "s_axis", "in", graph.source.tensor, lanes[0], beats[0]),
        _stream(core, "m_axis", "out", graph.sink.tensor, lanes[1], beats[1]),
    )


def _stream(
    core: Core, port: str, direction: str, tensor: Tensor, lanes: int | None, beats: int
) -> CoreStream:
    t, width = tensor.type, core.width(f"{port}_tdata")
    bits = tensor.size * t.bits
    return CoreStream(
        port=port,
        direction=direction,
        tdata_bits=width,
        beats=beats,
        elements=tensor.size,
        lanes=lanes,
        order=tensor.shape,
        element_bits=t.bits,
        signed=t.signed,
        coding=t.coding.word,
        lo=t.lo,
        hi=t.hi,
        padding_bits=width * beats - bits if lanes is None else width - lanes * t.bits,
    )
