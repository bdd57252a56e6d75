"""Parts of a file are counted on its bytes, before any is parsed."""

from __future__ import annotations

import onnx
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend.reader import limits
from bitrill.frontend.reader.message_count import count_messages
from frontend.onnx_models import small


def varint(n: int) -> bytes:
    out = b""
    while n >= 128:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number: int, content: bytes) -> bytes:
    """A field that holds bytes: a key, a length, the bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def test_a_sound_file_has_few_parts() -> None:
    net, out = small()
    assert 100 < count_messages(net.proto(out).SerializeToString(), name="m") < 600


@pytest.mark.parametrize(
    "data",
    [
        field(7, b"")[:-1],
        field(7, b"abc")[:-1],
        b"\x08" + b"\xff" * 11,
        b"\x08\x80",
        b"\x0b\x0c",
        b"\x09\x00",
        b"\x0d\x00\x00",
        field(7, field(1, b"abcd")[:-1]),
    ],
)
def test_what_is_cut_short_is_refused(data: bytes) -> None:
    with pytest.raises(
        UnsupportedError, match="m must be an ONNX model; it is cut short or damaged"
    ):
        count_messages(data, name="m")


def test_deep_nesting_is_refused() -> None:
    data = b""
    for _ in range(20):
        data = field(1, field(5, field(6, data)))  # node, attribute, graph
    with pytest.raises(UnsupportedError, match="cut short or damaged"):
        count_messages(field(7, data), name="m")


@pytest.mark.parametrize("path", [(7, 1), (7, 1, 5), (7, 5), (7, 1, 5, 5), (7, 11), (14,), (25, 7)])
def test_many_empty_parts_are_refused_anywhere(
    path: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two bytes of a file can stand for hundreds in memory."""
    monkeypatch.setattr(limits, "MESSAGES", 5_000)
    *outer, last = path
    data = bytes([last << 3 | 2, 0]) * 5_001
    for number in reversed(outer):
        data = field(number, data)
    onnx.ModelProto.FromString(data)  # protobuf itself takes it
    with pytest.raises(UnsupportedError, match="m must have at most 5000 parts; it has more"):
        count_messages(data, name="m")
