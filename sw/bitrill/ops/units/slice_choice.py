"""The base of operators of even lanes whose products may be computed in DSP slices."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...arith.dsp_packing import SLICES
from ...ir import Choice, EvenLanes, Impl
from ...parts.families import family_of


@dataclass(frozen=True, kw_only=True, eq=False)
class SliceChoice(EvenLanes, abstract=True):
    """An operator of even lanes with ``slices`` DSP slices a lane, if it multiplies in them."""

    ways = ("lut", "dsp")

    @property
    @abstractmethod
    def slices(self) -> int:
        """DSP slices of a lane that multiplies in them; 0 if none can."""

    def foldings(self, fixed: Choice) -> Iterator[Impl]:
        family = family_of(fixed.get("primitives", "portable"))
        for impl in super().foldings(fixed):
            yield impl
            if "multiply" not in fixed and family.cells and self.slices:
                yield replace(impl, multiply="dsp")

    def completed(self, chosen: Choice, default: Impl) -> Choice:
        """Slices are cells of the 7 series."""
        cells = {"primitives": SLICES} if replace(default, **chosen).in_slices else {}
        portable = family_of(default.primitives).portable
        return super().completed({**(cells if portable else {}), **chosen}, default)
