"""An input or output of a network as C has it: types, layout, and how an element becomes bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ..driver.layout import FIRST

WORD = 8
"""Bytes of a word in memory; there each frame starts on a new word."""


@dataclass(frozen=True)
class Layout:
    """Order of a tensor's elements: ``channels`` innermost in the stream.

    ``planes``: whether the model has one plane after the other, as in NCHW.
    """

    places: int
    channels: int
    planes: bool

    @staticmethod
    def of(spec: Mapping[str, Any]) -> "Layout":
        """Return the layout of a tensor with ``edge`` and ``channels``."""
        *places, channels = spec["edge"]
        return Layout(prod(places), channels, spec["channels"] == FIRST)

    @property
    def size(self) -> int:
        return self.places * self.channels

    @property
    def index(self) -> str:
        """Number in the model's order of channel ``c`` at place ``p``, as C."""
        if self.planes:
            return f"c * {self.places} + p"
        return f"p * {self.channels} + c" if self.places > 1 else "c"


@dataclass(frozen=True)
class NetworkEdge:
    """An ``input`` or ``output`` of a ``network.json``."""

    layout: Layout
    shape: tuple[int, ...]
    bits: int
    signed: bool
    coding: str
    lo: int
    hi: int

    @staticmethod
    def of(spec: Mapping[str, Any]) -> "NetworkEdge":
        """Read one from a ``network.json``."""
        keys = ("bits", "signed", "coding", "lo", "hi")
        return NetworkEdge(Layout.of(spec), tuple(spec["shape"]), *(spec[k] for k in keys))

    @property
    def frame(self) -> int:
        """Bytes of a frame."""
        return -(-self.layout.size * self.bits // 8)

    @property
    def memory(self) -> int:
        """Bytes of a frame in memory, whole words."""
        return -(-self.frame // WORD) * WORD

    @property
    def type(self) -> str:
        """The narrowest C type of an element."""
        return f"{'' if self.lo < 0 else 'u'}int{self._width}_t"

    @property
    def _width(self) -> int:
        """Bits of the C type."""
        if self.lo < 0:
            return next((b for b in (8, 16, 32) if max(~self.lo, self.hi) < 1 << b - 1), 64)
        return next((b for b in (8, 16, 32) if self.hi < 1 << b), 64)

    @property
    def encode(self) -> str:
        """Statements that set ``code`` to the bits of ``value``."""
        return _ENCODE[self.coding]

    @property
    def decode(self) -> str:
        """The statement that returns the value of ``code``."""
        if self.coding != "integer" or not self.signed:
            return _DECODE[self.coding]
        if self.bits == 64:
            return _DECODE["integer"]
        wide = "int32_t" if self.bits <= 24 else "int64_t"
        half = f"{1 << self.bits - 1}{'u' if self.bits <= 32 else 'ull'}"
        return f"return (net_out)(({wide})(code ^ {half}) - ({wide}){half});"

    @property
    def nth(self) -> str:
        """The value with ``n`` smaller ones."""
        if self.coding == "integer" and self.lo:
            sign = "-" if self.lo < 0 else "+"
            return f"(net_in)((int32_t)n {sign} {abs(self.lo)})"
        return _NTH[self.coding]

    @property
    def check(self) -> str:
        """The statement that refuses a ``value`` of the C type that the network has not."""
        width = self._width
        signed = self.lo < 0
        least, most = (-(1 << width - 1) if signed else 0), (1 << width - signed) - 1
        bounds = [f"value < {number(self.lo)}"] * (self.lo > least)
        bounds += [f"value > {number(self.hi)}"] * (self.hi < most)
        if not bounds:
            return ""
        return f"if ({' || '.join(bounds)})\n                return NET_RANGE;\n            "


def number(value: int) -> str:
    """Return an integer as C writes it."""
    if value == -(1 << 63):
        return "(-9223372036854775807 - 1)"
    return f"{value}u" if value > 0x7FFFFFFF else str(value)


_ENCODE = {
    "integer": "code = (net_word)value;",
    "bipolar": "code = value > 0;",
    "log2": "for (code = 0; value > 0; value = (net_in)(value / 2)) /* 2^k has the code k + 1 */\n"
    "        ++code;",
}
_DECODE = {
    "integer": "return (net_out)code;",
    "bipolar": "return (net_out)(code ? 1 : -1);",
    "log2": "return (net_out)(code ? (net_out)1 << (code - 1) : 0);",
}
_NTH = {
    "integer": "(net_in)n",
    "bipolar": "(net_in)(n ? 1 : -1)",
    "log2": "(net_in)(n ? (net_in)1 << (n - 1) : 0)",
}


def listed(words: Sequence[str], indent: int) -> str:
    """Return the elements of an array, four a line if there are more."""
    lines = [", ".join(words[k : k + 4]) for k in range(0, len(words), 4)]
    if len(lines) == 1:
        return lines[0]
    margin = "\n" + " " * indent
    return margin + f",{margin}".join(lines)
