"""FINN's published PE and SIMD: no design takes more cycles a frame than FINN's slowest layer."""

from __future__ import annotations

import pytest
from foldings import PUBLISHED, folded
from support import nightly

CYCLES = {"tfc": 64, "kws": 256, "cnv-w1a1": 32_768, "cnv-w2a2": 115_200, "vgg10": 4_096}
"""FINN's intervals, by hand from its folding files."""


@pytest.mark.parametrize("name", ["tfc", *nightly("kws", "cnv-w1a1", "cnv-w2a2", "vgg10")])
def test_the_interval_is_reached(name: str) -> None:
    row = folded(PUBLISHED[name])
    assert (row["FINN"], row["interval"]) == (CYCLES[name], CYCLES[name])
