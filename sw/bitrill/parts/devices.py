"""The FPGA parts that Bitrill knows: their resources, and whether a design fits one."""

import dataclasses
import difflib
import re
from dataclasses import dataclass
from typing import Protocol, cast

from ..errors import FitError, SpecError
from ..ir import Primitives
from .families import FAMILIES, family_of

DEFAULT_PART = FAMILIES["xc7"].part

PORTABLE = "portable"
"""In place of a part's name: plain logic, for any part."""

_TABLE = """
xc7z007s  14400  28800   50   66
xc7z010   17600  35200   60   80
xc7z012s  34400  68800   72  120
xc7z014s  40600  81200  107  170
xc7z015   46200  92400   95  160
xc7z020   53200 106400  140  220
xc7z030   78600 157200  265  400
xc7z035  171900 343800  500  900
xc7z045  218600 437200  545  900
xc7z100  277400 554800  755 2020
xc7a12t    8000  16000   20   40
xc7a15t   10400  20800   25   45
xc7a25t   14600  29200   45   80
xc7a35t   20800  41600   50   90
xc7a50t   32600  65200   75  120
xc7a75t   47200  94400  105  180
xc7a100t  63400 126800  135  240
xc7a200t 134600 269200  365  740
xc7s6      3750   7500    5   10
xc7s15     8000  16000   10   20
xc7s25    14600  29200   45   80
xc7s50    32600  65200   75  120
xc7s75    48000  96000   90  140
xc7s100   64000 128000  120  160
"""
"""Device, LUTs, flip-flops, RAMB36 and DSP48E1 slices (Xilinx DS180 and DS190)."""

_ULTRA = """
xczu3eg     70560  141120  216   360 xc7 xcup - uram288=0
xczu5ev    117120  234240  144  1248 xc7 xcup - uram288=64
xczu7ev    230400  460800  312  1728 xc7 xcup - uram288=96
xczu9eg    274080  548160  912  2520 xc7 xcup - uram288=0
xck26      117120  234240  144  1248 xc7 xcup - uram288=64
xcu250    1728000 3456000 2688 12288 xc7 xcup - uram288=1280
"""
"""Device, LUTs, flip-flops, RAMB36, DSP48E2 slices, and the rest as in `_OPEN` (AMD DS891; DS987
of the K26, which is a ZU5EV; DS962 of the Alveo U250). Arithmetic is that of the 7 series."""

_OPEN = """
lfe5u-25    24288  24288  28   28 ecp5 ecp5 - ebr=56 mult18=28
lfe5u-45    43848  43848  54   72 ecp5 ecp5 - ebr=108 mult18=72
lfe5u-85    83640  83640 104  156 ecp5 ecp5 - ebr=208 mult18=156
ice40-hx8k   7680   7680   3    0 ice40 ice40 hx ebr=32
ice40-up5k   5280   5280   3    8 ice40 ice40 u ebr=30 spram=4 mac16=8
gw1nr-9      8640   6480  13   20 gowin gowin gw1n bsram=26 mult18=20
gw2a-18     20736  15552  23   48 gowin gowin gw2a bsram=46 mult18=48
"""
"""Device, LUTs of four inputs, flip-flops, block memory in whole 36 kbit, multipliers, family of
arithmetic, family of cells, series in Yosys, and blocks by the names of that family's cells
(Lattice FPGA-DS-02012, DS1040 and FPGA-DS-02008, Gowin DS117 and DS102)."""

_FULL = {
    r"lfe5u-?(25|45|85)f?(-\d[a-z0-9]*)?": "lfe5u-{}",
    r"ice40-?(hx8k|up5k)(-?[a-z0-9]*)?": "ice40-{}",
    r"gw1nr-(?:lv)?(9)c?([a-z0-9/]*)?": "gw1nr-{}",
    r"gw2ar?-(?:lv)?(18)c?([a-z0-9/]*)?": "gw2a-{}",
    r"xczu(\d+[a-z]{2})(-?[a-z]{4}\d+)?(-l?\d[a-z0-9]*)?(-[a-z])?": "xczu{}",
    r"xc(k26|u250)(-[a-z]{4}\d+)?(-l?\d[a-z0-9]*)?(-[a-z])?": "xc{}",
}
"""Patterns of full part names in lower case, such as ``lfe5u-85f-6bg381c``, and their devices."""

FOUR_FOR_SIX = 2
"""Estimated number of four-input LUTs that replace one six-input LUT."""


class Used(Protocol):
    """Resources that a design takes, measured by synthesis or predicted by the resource model."""

    @property
    def lcs(self) -> int: ...
    @property
    def ff(self) -> int: ...
    @property
    def ramb18(self) -> int: ...
    @property
    def ramb36(self) -> int: ...
    @property
    def dsp(self) -> int: ...


@dataclass(frozen=True)
class Part:
    """A part, by the name that was given, and what it has: LUTs, flip-flops, 36 kbit RAMs, DSPs.

    ``family``: the primitives of arithmetic on it. Designs are counted in LUTs of six inputs; on a
    part with LUTs of four, each counts as `FOUR_FOR_SIX`, which is an estimate. ``cells``: family
    of the cells that synthesis maps to (`bitrill_hw.synth.cell_families`); ``series``: the part's
    kind in that family, as Yosys calls it; ``blocks``: memories and multipliers by the names that
    reports of synthesis give them.
    """

    name: str
    device: str
    lcs: int
    ff: int
    bram36: int
    dsp: int
    family: Primitives = "xc7"
    cells: str = "xc7"
    series: str = ""
    blocks: tuple[tuple[str, int], ...] = ()

    def block(self, name: str) -> int:
        """Number of memories or multipliers of a kind: ``ebr``, ``bsram``, ``uram288``, .."""
        return dict(self.blocks).get(name, 0)

    def utilisation(self, used: Used) -> dict[str, tuple[float, int]]:
        """``{resource: (used, available)}``; two RAMB18 count as one RAMB36."""
        return {
            "lcs": (
                used.lcs * (FOUR_FOR_SIX if family_of(self.family).four_inputs else 1),
                self.lcs,
            ),
            "ff": (used.ff, self.ff),
            "bram36": (used.ramb36 + used.ramb18 / 2, self.bram36),
            "dsp": (used.dsp, self.dsp),
        }

    def excess(self, used: Used) -> list[str]:
        """Return the resources that the part lacks, in words; empty if the design fits."""
        return [
            f"{k} {n:g} of {have} ({100 * n / have:.0f} %)"
            for k, (n, have) in self.utilisation(used).items()
            if n > have
        ]

    def require_fit(self, used: Used) -> None:
        """Raise `FitError` unless the design fits: names what lacks, and a part that is enough."""
        over = self.excess(used)
        if not over:
            return
        hint = self.enough(used)
        raise FitError(f"the design does not fit {self.name}: {'; '.join(over)}; {hint}", over=over)

    def without_limits(self) -> "Part":
        """The same cells in the same proportions, as many as anything takes."""
        sizes = {k: getattr(self, k) << 24 for k in ("lcs", "ff", "bram36", "dsp")}
        return dataclasses.replace(self, **sizes)

    def enough(self, used: Used) -> str:
        """The smallest part of the family that is enough, in words."""
        family = self.device[:4]
        enough = [p for p in _DEVICES.values() if p.device[:4] == family and not p.excess(used)]
        best = min(enough, key=lambda p: p.lcs, default=None)
        return f"no {family} part is enough" if best is None else f"{best.name} is enough"


def _part(row: list[str]) -> Part:
    device, (lcs, ff, bram36, dsp), rest = row[0], map(int, row[1:5]), row[5:]
    part = Part(device, device, lcs, ff, bram36, dsp)
    if not rest:
        return part
    family, cells, series = rest[:3]
    return dataclasses.replace(
        part,
        family=cast("Primitives", family),
        cells=cells,
        series=series.strip("-"),
        blocks=tuple((k, int(n)) for k, n in (r.split("=") for r in rest[3:])),
    )


_DEVICES = {
    row[0]: _part(row) for row in map(str.split, f"{_TABLE}{_ULTRA}{_OPEN}".split("\n")) if row
}


def part_of(name: str) -> Part:
    """Return the part of a full name (``xc7z020clg400-1``) or device (``xc7z020``), in any case."""
    device = _device(name.lower())
    if device not in _DEVICES:
        near = difflib.get_close_matches((device or name.lower())[:9], _DEVICES, n=3, cutoff=0.5)
        near = near or devices("xc7")[:3]
        raise SpecError(f"part must be a known one, not {name!r} (nearest: {', '.join(near)})")
    return dataclasses.replace(_DEVICES[device], name=name.lower())


def _device(name: str) -> str:
    xilinx = re.fullmatch(r"(xc7(?:z|a|s|k)\d+[st]?)([a-z]{2,4}\d+)?(-\d?[a-z0-9]*)?", name)
    if xilinx:
        return xilinx[1]
    open_ones = ((re.fullmatch(pattern, name), device) for pattern, device in _FULL.items())
    return next((device.format(m[1]) for m, device in open_ones if m), "")


def devices(family: Primitives | None = None) -> list[str]:
    """Names of all devices, or those of a family, ascending."""
    return sorted(p.device for p in _DEVICES.values() if family in (None, p.family))
