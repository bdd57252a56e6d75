"""Beats: element 0 low, unpadded within, zeros to whole bytes."""

import numpy as np
import pytest
from bitrill.ir import BIPOLAR, IntType
from bitrill.ir.beats import beat_bytes, pack_beats, unpack_beats


def by_hand(values: list[int], type: IntType, lanes: int) -> list[bytes]:
    out = []
    for start in range(0, len(values), lanes):
        word = 0
        for k, v in enumerate(values[start : start + lanes]):
            code = (v + 1) // 2 if type.coding.is_bipolar else v % (1 << type.bits)
            word |= code << (k * type.bits)
        out.append(word.to_bytes(beat_bytes(type, lanes), "little"))
    return out


@pytest.mark.parametrize(
    "type",
    [BIPOLAR, IntType(0, 1), IntType(-1, 1), IntType(0, 6), IntType(-128, 127), IntType(-5, 2000)],
    ids=str,
)
@pytest.mark.parametrize("lanes", [1, 3, 8, 49])
def test_beats_are_packed_low_element_first(type: IntType, lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    values = rng.choice(type.values(), (2, 3 * lanes))
    beats = pack_beats(values, type, lanes)
    assert beats.shape == (6, beat_bytes(type, lanes))
    assert [b.tobytes() for b in beats] == by_hand(values.reshape(-1).tolist(), type, lanes)
    assert np.array_equal(unpack_beats(beats, type, lanes), values.reshape(6, lanes))


def test_padding_is_ignored_on_the_way_back() -> None:
    t = IntType(-2, 1)
    beats = pack_beats(np.array([[-2, 1, -1]]), t, 3)
    assert beats.tolist() == [[0b110110]]
    assert unpack_beats(beats | 0b11000000, t, 3).tolist() == [[-2, 1, -1]]
