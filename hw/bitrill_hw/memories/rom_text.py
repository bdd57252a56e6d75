"""Writes read-only memories as Verilog modules, and reads such text back into a `Rom`.

A module has ports ``clk``, ``en``, ``addr`` and ``data`` (``clk`` and ``en`` only if it is
clocked); the names of a second port end in 2.

A *separate* memory stays a module of its own through synthesis (``keep_hierarchy``), so constants
in it would not be propagated. Therefore the bits that are equal in all words are left out of its
module, and an outer module drives them. The outer module has the same ports for every content.

Simulation reads the text back, to keep contents out of compiled models (`bitrill_sim.contents`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

PREFIX = "table_"
"""Prefix of the names of the memories' modules; a digest of the text follows."""

_WORD = re.compile(r"^    words\[\d+\] = \d+'h([0-9a-f]+);$", re.MULTILINE)
_ADDRESS = re.compile(r"^  input \[(\d+):0\] addr;$", re.MULTILINE)
_WIDTH = re.compile(r"^  output (?:reg )?\[(\d+):0\] data;$", re.MULTILINE)
_ATTRIBUTES = re.compile(r"^  \(\* (.*) \*\)$", re.MULTILINE)
_INNER = re.compile(rf"^  ({PREFIX}\w+) varying\(", re.MULTILINE)
_DEPTH = re.compile(r"^  // (\d+) words$", re.MULTILINE)
_PIECE = r"(\d+)'h([0-9a-f]+)|word\[(\d+):(\d+)\]"
_PIECES = re.compile(r"^  assign data = \{(.*)\};$", re.MULTILINE)


def add_module(modules: dict[str, str], body: str, *, attributes: str = "") -> str:
    """Add a memory's module, whose name holds a digest of its ``body``; returns the name."""
    name = f"{PREFIX}{hashlib.sha256(body.encode()).hexdigest()[:12]}"
    modules[name] = f"{attributes}module {name}{body}"
    return name


@dataclass(frozen=True, kw_only=True)
class Rom:
    """A read-only memory: ``words`` of ``width`` bits, read with ``address_bits`` of address.

    If it is ``clocked``, a word is read at each edge at which ``en`` is 1, else at once. ``ports``:
    1 or 2. ``attributes``: of the memory, for synthesis; ``separate``: the memory stays a module of
    its own while LUTs are mapped.
    """

    words: tuple[int, ...]
    width: int
    address_bits: int
    attributes: tuple[tuple[str, str], ...] = ()
    clocked: bool = True
    ports: int = 1
    separate: bool = False

    @property
    def suffixes(self) -> list[str]:
        """Suffix of the names of each port's wires."""
        return ["", "2"][: self.ports]

    @cached_property
    def varying(self) -> int:
        """Mask of the bits that differ between words."""
        first, mask = self.words[0], 0
        for word in self.words:
            mask |= word ^ first
        return mask

    @property
    def has_constants(self) -> bool:
        """Whether an outer module drives some bits.

        It does so around separate memories, and around any memory whose words are all equal.
        """
        whole = self.varying == (1 << self.width) - 1
        return not whole and (self.separate or not self.varying)

    def add_to(self, modules: dict[str, str]) -> str:
        """Add the memory's modules; returns the name of the one with the ports."""
        kept = '(* keep_hierarchy = "yes" *)\n' if self.separate else ""
        if not self.has_constants:
            return add_module(modules, self.body(self._initial()), attributes=kept)
        inner = self.without_constants.add_to(modules) if self.varying else ""
        return add_module(modules, self._around(inner))

    @cached_property
    def without_constants(self) -> Rom:
        """The memory of only those bits that differ between words."""
        words, width = [0] * len(self.words), 0
        for start, stop, varies in self._runs():
            if varies:
                mask = (1 << stop - start) - 1
                for k, word in enumerate(self.words):
                    words[k] |= (word >> start & mask) << width
                width += stop - start
        return replace(self, words=tuple(words), width=width)

    def body(self, initial: str) -> str:
        """Return the Verilog after the module's name; ``initial`` fills the array ``words``."""
        attributes = ", ".join(f'{key} = "{value}"' for key, value in self.attributes)
        return "\n".join(
            [
                *self._head("reg " if self.clocked else ""),
                *([f"  (* {attributes} *)"] if attributes else []),
                f"  reg [{self.width - 1}:0] words [{len(self.words) - 1}:0];",
                initial,
                *(
                    f"  always @(posedge clk) if (en{k}) data{k} <= words[addr{k}];"
                    if self.clocked
                    else f"  assign data{k} = words[addr{k}];"
                    for k in self.suffixes
                ),
                "endmodule\n",
            ]
        )

    def _initial(self) -> str:
        digits = -(-self.width // 4)
        lines = (
            f"    words[{k}] = {self.width}'h{v:0{digits}x};" for k, v in enumerate(self.words)
        )
        return "\n".join(["  initial begin", *lines, "  end"])

    def _head(self, kind: str) -> list[str]:
        """Return the lines of the ports."""
        wires = ("en", "addr", "data") if self.clocked else ("addr", "data")
        every = [f"{wire}{k}" for k in self.suffixes for wire in wires]
        return [
            f"({', '.join(['clk', *every] if self.clocked else every)});",
            *(
                ["  input clk;", *(f"  input en{k};" for k in self.suffixes)]
                if self.clocked
                else []
            ),
            *(f"  input [{self.address_bits - 1}:0] addr{k};" for k in self.suffixes),
            *(f"  output {kind}[{self.width - 1}:0] data{k};" for k in self.suffixes),
        ]

    def _around(self, inner: str) -> str:
        """Return the outer module: the constants, and the memory ``inner`` (none if it is "")."""
        ports, wires = self.suffixes, ("en", "addr") if self.clocked else ("addr",)
        ends = [f".{w}{k}({w}{k})" for k in ports for w in wires]
        ends += [f".data{k}(word{k})" for k in ports] + ([".clk(clk)"] if self.clocked else [])
        width = self.varying.bit_count()
        declared = [f"  wire [{width - 1}:0] word{k};" for k in ports] if inner else []
        return "\n".join(
            [
                *self._head(""),
                f"  // {len(self.words)} words",
                *declared,
                *([f"  {inner} varying({', '.join(ends)});"] if inner else []),
                *(f"  assign data{k} = {{{', '.join(self._pieces(k))}}};" for k in ports),
                "endmodule\n",
            ]
        )

    def _pieces(self, suffix: str) -> list[str]:
        """Return the parts of a word, the highest first."""
        pieces, used = [], 0
        for start, stop, varies in self._runs():
            size = stop - start
            if varies:
                pieces.append(f"word{suffix}[{used + size - 1}:{used}]")
                used += size
            else:
                pieces.append(f"{size}'h{self.words[0] >> start & (1 << size) - 1:x}")
        return pieces[::-1]

    def _runs(self) -> list[tuple[int, int, bool]]:
        """Return runs of bits, the lowest first: start, stop, and whether they vary over the words.

        The bits of a run all vary, or are all constant.
        """
        flags = f"{self.varying:0{self.width}b}"[::-1]
        return [(m.start(), m.end(), m[0][0] == "1") for m in re.finditer("0+|1+", flags)]


def read(name: str, modules: Mapping[str, str]) -> Rom | None:
    """Return the memory whose module is ``name``; None if the text is not what `Rom` writes."""
    rom = _parsed(name, modules)
    if rom is None or not rom.words:
        return None
    again: dict[str, str] = {}
    written = rom.add_to(again) == name
    return rom if written and all(modules.get(k) == text for k, text in again.items()) else None


def _parsed(name: str, modules: Mapping[str, str]) -> Rom | None:
    """Return the memory that a text seems to hold; None if it cannot be one."""
    text = modules[name]
    address, width = _ADDRESS.search(text), _WIDTH.search(text)
    if address is None or width is None:
        return None
    attributes = _ATTRIBUTES.search(text)
    rom = Rom(
        words=tuple(int(w, 16) for w in _WORD.findall(text)),
        width=int(width[1]) + 1,
        address_bits=int(address[1]) + 1,
        attributes=tuple(re.findall(r'(\w+) = "(\w+)"', attributes[1])) if attributes else (),
        clocked="  input clk;" in text,
        ports=text.count("  output "),
        separate=text.startswith("(*"),
    )
    pieces, depth, inner = _PIECES.search(text), _DEPTH.search(text), _INNER.search(text)
    if pieces is None or depth is None:
        return rom
    if inner is None:
        varying: Rom | None = replace(rom, words=(0,) * int(depth[1]))
    else:
        varying = _parsed(inner[1], modules) if inner[1] in modules else None
    whole = None if varying is None else _joined(varying, pieces[1])
    return whole if whole is not None and whole.width == rom.width else None


def _joined(varying: Rom, pieces: str) -> Rom:
    """Return ``varying`` with the constants of ``pieces``, the highest first, between its bits."""
    words, at, used = [0] * len(varying.words), 0, 0
    for size, value, high, low in reversed(re.findall(_PIECE, pieces)):
        bits = int(size) if size else int(high) - int(low) + 1
        for k, word in enumerate(varying.words):
            words[k] |= (int(value, 16) if size else word >> used & (1 << bits) - 1) << at
        at, used = at + bits, used if size else used + bits
    return replace(varying, words=tuple(words), width=at)
