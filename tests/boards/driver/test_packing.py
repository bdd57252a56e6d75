"""Packing of frames as dense bits, compared with bits laid out one by one."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.ir import BIPOLAR, IntType
from bitrill.ir.coding import CODINGS
from bitrill_boards.driver import packing
from bitrill_boards.driver.packing import Format

TYPES = [
    BIPOLAR,
    *(IntType(0, (1 << b) - 1) for b in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 20, 32)),
    *(IntType(-(1 << b - 1), (1 << b - 1) - 1) for b in (2, 3, 4, 5, 7, 8, 10, 16, 32)),
    IntType(0, 1 << 6, "log2"),
    IntType(0, 1 << 14, "log2"),
]


def of(t: IntType, size: int, align: int) -> Format:
    return Format(size, t.bits, signed=t.signed, coding=t.coding.word, align=align)


@pytest.mark.parametrize("t", TYPES, ids=str)
@pytest.mark.parametrize(("size", "align"), [(1, 1), (7, 1), (8, 8), (10, 8), (784, 8), (33, 1)])
def test_bits_lie_densely(t: IntType, size: int, align: int) -> None:
    rng = np.random.default_rng(size)
    values = t.values() if t.n_values < 1 << 12 else np.array([t.lo, t.lo + 1, 0, 1, t.hi])
    x = rng.choice(values, (5, size))
    x[0], x[1] = t.lo, t.hi
    f = of(t, size, align)
    assert f.bytes == -(-size * t.bits // (8 * align)) * align
    packed = f.pack(x)
    assert packed.dtype == np.uint8
    for frame, row in zip(packed, x, strict=True):
        whole = sum(int(c) << (k * t.bits) for k, c in enumerate(t.encode(row).tolist()))
        assert int.from_bytes(frame.tobytes(), "little") == whole
    assert f.unpack(packed).tolist() == x.tolist()


def test_dtypes_of_the_callers_make_no_difference() -> None:
    f = of(IntType(-8, 7), 9, 8)
    x = np.arange(-8, 1)[None]
    wanted = f.pack(x)
    for dtype in (np.int8, np.int16, np.int32, np.int64, np.float32):
        assert (f.pack(x.astype(dtype)) == wanted).all()


def test_no_frames() -> None:
    f = of(BIPOLAR, 10, 8)
    assert f.pack(np.zeros((0, 10))).shape == (0, 8)
    assert f.unpack(np.zeros((0, 8))).shape == (0, 10)


def test_the_driver_knows_every_coding_of_activations() -> None:
    """It has a table of its own, since it runs without the compiler."""
    assert set(packing.CODINGS) == {word for word, c in CODINGS.items() if c.for_activations}


def test_an_unknown_coding() -> None:
    with pytest.raises(ValueError, match="coding must be one of integer, bipolar, log2, not 'x'"):
        Format(1, 1, signed=False, coding="x", align=1)


def test_widths_that_no_frame_has() -> None:
    for bits in (0, 57, 65):
        with pytest.raises(ValueError, match=rf"bits must be 1\.\.56 or 64, not {bits}"):
            Format(1, bits, signed=False, coding="integer", align=1)


@pytest.mark.parametrize("bits", [50, 55, 56, 64])
def test_wide_elements(bits: int) -> None:
    f = Format(3, bits, signed=True, coding="integer", align=1)
    x = np.array([[-(1 << bits - 1), -1, (1 << bits - 1) - 1], [0, 1, -2]])
    assert f.unpack(f.pack(x)).tolist() == x.tolist()
