"""Counts the parts of a protobuf file from its bytes, before it is parsed.

A part of two bytes in the file takes hundreds of bytes in memory once parsed, so their number is
bounded first. Only messages that may contain many parts are entered; others are skipped.
"""

from ...errors import UnsupportedError
from . import limits

# number of the field -> message in it, as in onnx.proto (Apache-2.0), for those that are entered
_MESSAGES: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 8: "Leaf", 14: "Leaf", 20: "Training", 25: "Function", 26: "Leaf"},
    "Graph": {
        1: "Node",
        2: "Leaf",
        5: "Tensor",
        11: "Value",
        12: "Value",
        13: "Value",
        14: "Leaf",
        15: "Leaf",
        16: "Leaf",
    },
    "Function": {4: "Text", 5: "Text", 7: "Node", 9: "Leaf", 11: "Attribute", 12: "Value"},
    "Training": {1: "Graph", 2: "Graph", 3: "Leaf", 4: "Leaf"},
    "Node": {1: "Text", 2: "Text", 5: "Attribute", 9: "Leaf"},
    "Attribute": {
        5: "Tensor",
        6: "Graph",
        9: "Text",
        10: "Tensor",
        11: "Graph",
        14: "Type",
        15: "Type",
        22: "Leaf",
        23: "Leaf",
    },
    "Tensor": {6: "Text", 13: "Leaf", 16: "Leaf"},
    "Value": {2: "Type", 4: "Leaf"},
    "Type": {1: "Type", 2: "Leaf", 4: "Type", 5: "Type", 8: "Type", 9: "Type"},
    "Leaf": dict.fromkeys(range(1, 16), "Leaf"),
}

_DEPTH = 32


def count_messages(data: bytes, *, name: str) -> int:
    """Count the parts; `UnsupportedError` above `limits.MESSAGES`, or if the file is cut short."""
    counter = _Counter(data, name)
    counter.walk(0, len(data), "Model", 0)
    return counter.count


class _Counter:
    def __init__(self, data: bytes, name: str):
        self.data, self.name, self.count = data, name, 0

    def damaged(self) -> UnsupportedError:
        return UnsupportedError(f"{self.name} must be an ONNX model; it is cut short or damaged")

    def walk(self, pos: int, end: int, message: str, depth: int) -> None:
        inner = _MESSAGES[message]
        while pos < end:
            key, pos = self.varint(pos, end)
            number, wire = key >> 3, key & 7
            size = 0
            if wire == 0:
                _, pos = self.varint(pos, end)
            elif wire == 2:
                size, pos = self.varint(pos, end)
            elif wire in (1, 5):
                size = 8 if wire == 1 else 4
            else:
                raise self.damaged()
            if pos + size > end:
                raise self.damaged()
            # a tensor has many unpacked numbers, but they are small once parsed
            if message != "Tensor" or wire == 2:
                self.count += 1
            if self.count > limits.MESSAGES:
                raise UnsupportedError(
                    f"{self.name} must have at most {limits.MESSAGES} parts; it has more"
                )
            kind = inner.get(number, "Text") if wire == 2 else "Text"
            if kind != "Text" and depth >= _DEPTH:
                raise self.damaged()
            if kind not in ("Text", "Leaf"):
                self.walk(pos, pos + size, kind, depth + 1)
            elif kind == "Leaf":
                self.count += size // 16  # short strings and numbers: cheap to bound by length
            pos += size

    def varint(self, pos: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while pos < end and shift < 64:
            byte = self.data[pos]
            value |= (byte & 127) << shift
            pos += 1
            if byte < 128:
                return value, pos
            shift += 7
        raise self.damaged()
