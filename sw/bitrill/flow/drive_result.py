"""Result of the verb `drive`: outputs, wrong frames, and the rates that were measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .result import Json, Result, TextTable
from .running import Outputs

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Rates:
    """Rates that a driver measured; a field is None if it was not measured or is not known.

    ``cycles_per_frame``: from the hardware's counter; ``fps_hardware``: the rate that this means at
    the board's clock; ``fps_core``: the peak rate of the network itself, ``core_share``: the share
    of it that was reached; ``fps_wall``: the rate by the host's wall clock; ``fps_system``: the
    bound of the board, because of its ``limit``; ``system_share``: the share of it reached.
    ``in_stalled``, ``out_stalled``: shares of the hardware's cycles in which memory waited for the
    network, and the network for memory; ``slowest``: the layer that waited least.
    """

    cycles_per_frame: float | None = None
    fps_hardware: float | None = None
    fps_core: float | None = None
    core_share: float | None = None
    fps_wall: float | None = None
    fps_system: float | None = None
    limit: str | None = None
    system_share: float | None = None
    in_stalled: float | None = None
    out_stalled: float | None = None
    slowest: str | None = None

    @staticmethod
    def of(report: Mapping[str, Any], *, simulated: bool) -> Rates:
        """Return the meaningful figures of `bitrill_boards.driver.Driver.report`.

        The wall clock of a simulation says nothing about the board. Over a serial line, the share
        of the system's rate is also by wall clock.
        """
        timed = not simulated and report["frames"] > 0
        return Rates(
            cycles_per_frame=report.get("cycles_per_frame"),
            fps_hardware=report.get("fps_hardware"),
            fps_core=report.get("fps_core"),
            core_share=report.get("roofline"),
            fps_wall=report["fps_wall"] if timed else None,
            fps_system=report.get("fps_system"),
            limit=report.get("limit"),
            in_stalled=report.get("in_stalled"),
            out_stalled=report.get("out_stalled"),
            slowest=report.get("slowest"),
            system_share=report.get("system") if timed or report.get("limit") != "uart" else None,
        )


@dataclass(frozen=True, eq=False, repr=False)
class Driven(Result):
    """Result of `drive`.

    ``wrong``: indices of frames with any wrong bit; ``notes``: the link's remarks, in words.
    """

    board: str
    transport: str
    outputs: Outputs
    wrong: np.ndarray
    rates: Rates
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return len(self.wrong) == 0

    @property
    def samples(self) -> int:
        return len(self.outputs.integers)

    def summary(self) -> dict[str, object]:
        cycles = self.rates.cycles_per_frame
        return {
            "board": f"{self.board} ({self.transport})",
            "mismatches": f"{len(self.wrong)} of {self.samples} frames",
            "cycles a frame": "not measured" if cycles is None else f"{cycles:,.1f}",
        }

    def tables(self) -> tuple[TextTable, ...]:
        rows = [(words, write(value)) for words, value, write in self._measured() if value]
        return (TextTable.of(("measured", ""), rows),) if rows else ()

    def _measured(self) -> Iterator[tuple[str, Any, Callable[[Any], str]]]:
        """Return each rate in words, its value, and how it is written."""
        r = self.rates
        fps, share = "{:,.0f}".format, "{:.1%}".format
        yield "frames/s of the hardware", r.fps_hardware, fps
        yield "frames/s of the core at its best", r.fps_core, fps
        yield "frames/s with host and link", r.fps_wall, fps
        yield "frames/s that the board allows", r.fps_system, fps
        yield "limited by", r.limit, str
        yield "share of the core's best", r.core_share, share
        yield "memory waited for the network", r.in_stalled, share
        yield "the network waited for memory", r.out_stalled, share
        yield "slowest layer", r.slowest, str

    def to_json(self) -> Json:
        return {
            "ok": self.ok,
            "board": self.board,
            "transport": self.transport,
            "samples": self.samples,
            "mismatches": len(self.wrong),
            "first_mismatch": None if self.ok else int(self.wrong[0]),
            **asdict(self.rates),
            "files": list(self.outputs.files),
            "notes": list(self.notes),
        }
