"""Options of `compile`, checked before any work is done.

`bitrill.flow.compile` and ``bitrill compile`` use the same names; both make a `CompileOptions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict, get_args

from ..errors import SpecError
from ..ir import is_searched
from ..lowering import Folding

Numbers: TypeAlias = str | Fraction | Sequence[str | Fraction]
"""An exact number (text or fraction), or one for each channel: a text with commas, or a list."""

Style = Literal["folded", "unrolled", "runtime", "streamed"]

STYLES: tuple[Style, ...] = get_args(Style)
"""Structures that matrices may have, unless the folding names one."""


class CompileKeywords(TypedDict, total=False):
    """Keywords of `bitrill.flow.compile`; see `CompileOptions`."""

    folding: str | Path | Folding | None
    like: str | Path | None
    raw_input: str | None
    input_scale: Numbers | None
    input_offset: Numbers | None
    top: int | None
    fps: float | None
    clock_mhz: float | None
    part: str | None
    board: str | None
    boards: str | Path | None
    style: Style
    checkpoints: bool


@dataclass(frozen=True, kw_only=True)
class CompileOptions:
    """Options of `compile`. Raises `SpecError` for impossible values.

    The model: ``raw_input`` (such as ``"uint8"``) with ``input_scale`` (such as ``"1/255"``) and
    perhaps ``input_offset``: the hardware takes raw integers that mean ``scale * integer +
    offset``; each is one number, or one for each channel of the input. ``top``: output the ``top``
    best classes instead of scores.

    The target: ``fps``: frames per second to reach at ``clock_mhz``, with the fewest LUTs.
    ``part``: FPGA that the design must fit; without ``fps``, the fastest design that fits. If no
    part is named, an xc7z020clg400-1 is assumed, and 64 cycles for each place of the largest map,
    or twice, four times ... as many until it fits; if no folding fits, the design is made anyway.
    ``"portable"`` instead of a part: plain logic for any FPGA, at that rate, of any size.
    ``board``: the part and clock of a board, less the resources of the board's own logic; without
    ``fps``, as fast as its link delivers frames, or as fast as fits. ``boards``: a folder of
    additional boards, one TOML file each. ``clock_mhz``: 100 for rates by default; if given, it
    also determines the depth of pipelines (see `bitrill.resources.clock`).

    The structure: ``folding``: choices by node, or a file of them; they override everything else.
    ``style``: structure of the matrices: ``folded``; ``unrolled``: constants in the logic, one
    vector a cycle; ``runtime``: weights and thresholds writable over AXI4-Lite; ``streamed``:
    weights that arrive over streams. Only ``folded`` searches for a folding.

    ``like``: an earlier build whose widths, codings and folding are kept, so that the designs
    differ only in the contents of memories and share a simulator; there is no search.

    ``checkpoints``: write the graph after each pass to ``checkpoints``, in the build folder.
    """

    folding: str | Path | Folding | None = None
    like: str | Path | None = None
    raw_input: str | None = None
    input_scale: Numbers | None = None
    input_offset: Numbers | None = None
    top: int | None = None
    fps: float | None = None
    clock_mhz: float | None = None
    part: str | None = None
    board: str | None = None
    boards: str | Path | None = None
    style: Style = "folded"
    checkpoints: bool = False

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise SpecError(f"style must be {' or '.join(map(repr, STYLES))}, not {self.style!r}")
        if self.clock_mhz is not None and not 0 < self.clock_mhz <= 2000:
            raise SpecError(f"the clock must be above 0 and at most 2000 MHz, not {self.clock_mhz}")
        if self.fps is not None and not 0 < self.fps <= 1e12:
            raise SpecError(
                f"the rate must be above 0 and at most 1e12 frames a second, not {self.fps:g}"
            )
        if (self.raw_input is None) is not (self.input_scale is None):
            raise SpecError("a raw input must have a type and a scale (such as uint8 and 1/255)")
        if self.input_offset is not None and self.raw_input is None:
            raise SpecError("an input offset must come with a raw input's type and scale")
        own = self.fps is None and self.part is None and is_searched(self.style)
        if self.like is not None and not own:
            raise SpecError(
                "a build to be like has its own folding and part: give no rate, part or style"
            )
        if self.board is not None and self.part is not None:
            raise SpecError("a board has a part of its own: give a board or a part, not both")
