"""The test bench in Python: source, sink and the checks of the stream's rules.

In each cycle the simulator calls `StreamBench.drive` for the inputs, lets the design settle, and
passes the outputs to `StreamBench.observe`; then the clock rises. ``harness.cpp`` is the same bench
in C++; both have the same behaviour, beat for beat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from .access import Master
from .words import Feeder

RESET_CYCLES = 4
"""Cycles in reset before cycle 0."""

CYCLE_NS = 10
"""Length of a cycle under cocotb, in nanoseconds."""


@dataclass
class DutInputs:
    """Inputs of the design in a cycle; ``words``: valid and data of each stream of words."""

    valid: bool
    last: bool
    data: int
    ready: bool
    words: list[tuple[bool, int]] = field(default_factory=list)


@dataclass
class DutOutputs:
    """Settled outputs of the design in a cycle; None where a bit is unknown.

    ``data`` and ``last`` matter while ``valid``; ``last`` is also None if there is no such port.
    """

    s_ready: bool | None
    valid: bool | None
    data: int | None = 0
    last: bool | None = None
    error: bool | None = False
    words: Sequence[bool | None] = ()


class StreamBench:
    """One run over the files of a job (see `bitrill_sim.job`)."""

    def __init__(self, folder: Path, numbers: Mapping[str, int], *, has_last: bool):
        self.n = numbers
        self.has_last = has_last
        self.cycle = self.accepted = self.taken = self.moved = 0
        self.violations: dict[str, tuple[int, int]] = {}
        self._source = np.fromfile(folder / "source.bin", np.uint8).tolist()
        self._sink = np.fromfile(folder / "sink.bin", np.uint8).tolist()
        self._x = (folder / "x.bin").open("rb")
        self._y, self._in, self._out = (
            (folder / f"{name}.bin").open("wb") for name in ("y", "in", "out")
        )
        sizes = [numbers[f"word{k}_bytes"] for k in range(numbers["words"])]
        self.feeders = [Feeder(folder, k, size) for k, size in enumerate(sizes)]
        self.master = Master.of(folder)
        self._n_in = numbers["frames"] * numbers["in_beats"]
        self._n_out = numbers["frames"] * numbers["out_beats"]
        self._offered = 0
        self._mask = (1 << numbers["in_bits"]) - 1
        self._waiting: tuple[int | None, bool | None] | None = None
        self.inputs = DutInputs(False, True, 0, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in (self._x, self._y, self._in, self._out, *self.feeders):
            file.close()

    @property
    def status(self) -> str:
        """``done`` if all beats were accepted and all results were taken, else ``stalled``."""
        done = self.accepted == self._n_in and self.taken == self._n_out
        return "done" if done else "stalled"

    def drive(self) -> DutInputs:
        """Return the inputs of the present cycle."""
        i, beats = self.inputs, self.n["in_beats"]
        if (
            not i.valid
            and self.accepted < self._n_in
            and self._source[self.cycle % len(self._source)]
        ):
            i.data = int.from_bytes(self._x.read(self.n["in_bytes"]), "little")
            i.valid = True
            self._offered = self.cycle
        i.last = not i.valid or self.accepted % beats == beats - 1
        i.ready = bool(self._sink[self.cycle % len(self._sink)])
        i.words = [feeder.drive(self.cycle) for feeder in self.feeders]
        return i

    def observe(self, o: DutOutputs) -> bool:
        """Record the cycle and go on to the next; return whether there is one."""
        i = self.inputs
        if None in (o.s_ready, o.valid, o.error) or (o.valid and o.data is None):
            self._violation("unknown")
        if o.error:
            self._violation("error")
        if o.valid and self.taken == self._n_out:
            self._violation("extra")
            return False
        for feeder, ready in zip(self.feeders, o.words, strict=True):
            if ready is None:
                self._violation("unknown")
            feeder.observe(bool(ready))
        take = bool(o.valid) and i.ready
        self._rules(o)
        self._waiting = (o.data, o.last) if o.valid and not i.ready else None
        if i.valid and o.s_ready:
            self._in.write(np.array([self._offered, self.cycle], "<i8").tobytes())
            self.accepted += 1
            i.valid = False
            i.data ^= self._mask  # the design must ignore the data between beats
            self.moved = self.cycle
        if take:
            self._y.write((o.data or 0).to_bytes(self.n["out_bytes"], "little"))
            self._out.write(np.array(self.cycle, "<i8").tobytes())
            self.taken += 1
            self.moved = self.cycle
        self.cycle += 1
        return self.cycle - self.moved <= self.n["patience"]

    def _rules(self, o: DutOutputs) -> None:
        if not o.valid:
            if self._waiting is not None:
                self._violation("dropped")
            return
        beats = self.n["out_beats"]
        if self.has_last and o.last is not (self.taken % beats == beats - 1):
            self._violation("last")
        if o.data is not None and o.data >> self.n["out_bits"]:
            self._violation("padding")
        if self._waiting is not None and self._waiting != (o.data, o.last):
            self._violation("unstable")

    def access(self, i: Mapping[str, int], o: Mapping[str, int]) -> bool:
        """Record a cycle of the registers' accesses; return whether accesses remain."""
        running = self.master.observe(i, o)
        self.violations |= self.master.violations
        return running

    def _violation(self, kind: str) -> None:
        self.violations.setdefault(kind, (self.cycle, self.taken))

    def result(self) -> dict[str, object]:
        """Return the outcome as JSON."""
        return {
            "status": self.status,
            "cycles": self.cycle,
            "violations": [[k, *v] for k, v in self.violations.items()],
        }
