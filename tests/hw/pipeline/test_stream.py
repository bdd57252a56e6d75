# amaranth: UnusedElaboratable=no
"""Connecting streams: payloads of different shapes are refused."""

from __future__ import annotations

import pytest
from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import stream
from bitrill.errors import SpecError
from bitrill_hw.pipeline.stream import beats, connect


@pytest.mark.parametrize("other", [unsigned(5), signed(4)])
def test_payloads_of_another_shape_are_refused(other):
    source, sink = beats(4).create(), stream.Signature(other).create()
    with pytest.raises(SpecError, match=r"the payload of a stream must be .*, not unsigned\(4\)"):
        connect(Module(), source, sink)
