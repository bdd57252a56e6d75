"""An AXI4-Lite master in Python: writes registers and reads them back, before the frames.

``harness.cpp`` has the same master in C++; both behave the same in every cycle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PATIENCE = 256
"""Largest number of cycles that an access may take."""

INPUTS = ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready")
OUTPUTS = ("awready", "wready", "bresp", "bvalid", "arready", "rdata", "rresp", "rvalid")
AXI = (*INPUTS, *OUTPUTS)
"""Names of the master's ports, without prefix."""


@dataclass
class Master:
    """Writes ``accesses`` ``[n, 2]`` (address and data), then reads them all back.

    Writes send the address first, the data first, or both at once, in turn. `drive` returns the
    design's inputs of a cycle, `observe` records its outputs. ``violations``: cycle and number of
    the access, by kind.
    """

    accesses: np.ndarray
    k: int = 0
    cycle: int = 0
    waits: int = 0
    sent: set[str] = field(default_factory=set)
    violations: dict[str, tuple[int, int]] = field(default_factory=dict)

    @staticmethod
    def of(folder: Path) -> "Master":
        """Load the accesses of a job."""
        return Master(np.fromfile(folder / "access.bin", "<u4").reshape(-1, 2))

    @property
    def writing(self) -> bool:
        return self.k < len(self.accesses)

    def drive(self) -> dict[str, int]:
        """Return the inputs of the present cycle."""
        address, data = map(int, self.accesses[self.k % len(self.accesses)])
        first = self.k % 3
        w = self.writing
        return {
            "awaddr": address,
            "awvalid": int(w and "aw" not in self.sent and (first != 1 or "w" in self.sent)),
            "wdata": data,
            "wstrb": 0b1111,
            "wvalid": int(w and "w" not in self.sent and (first != 2 or "aw" in self.sent)),
            "bready": int(w),
            "araddr": address,
            "arvalid": int(not w and "ar" not in self.sent),
            "rready": int(not w),
        }

    def observe(self, i: Mapping[str, int], o: Mapping[str, int]) -> bool:
        """Record a cycle of inputs and outputs; return whether accesses remain."""
        self.cycle += 1
        self.waits += 1
        for channel in ("aw", "w", "ar"):
            if i[f"{channel}valid"] and o[f"{channel}ready"]:
                self.sent.add(channel)
        data = int(self.accesses[self.k % len(self.accesses), 1])
        answered = o["bvalid"] if self.writing else o["rvalid"]
        if answered:
            if (o["bresp"] if self.writing else o["rresp"]) != 0:
                self._violation("refused")
            elif not self.writing and o["rdata"] != data:
                self._violation("readback")
            self.k, self.waits, self.sent = self.k + 1, 0, set()
        if self.waits > PATIENCE:
            self._violation("silent")
            return False
        return self.k < 2 * len(self.accesses)

    def _violation(self, kind: str) -> None:
        self.violations.setdefault(kind, (self.cycle, self.k % len(self.accesses)))


def idle() -> dict[str, int]:
    """Return the inputs of a cycle without an access."""
    return dict.fromkeys(INPUTS, 0)
