"""Result of a verification: wrong values, broken stream rules and cycles, also as JSON."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from bitrill.errors import MismatchError
from bitrill.timing.predict import Timing

from .job import Violation
from .measured import Measured


@dataclass(frozen=True)
class Difference:
    """The first wrong value of a run: its frame, layer and position.

    ``index``: position in the layer's frame, channel last; ``located``: whether the layers' values
    were read from waves, else ``layer`` is the output edge; ``seen`` is None if there was no value.
    """

    sample: int
    layer: str
    index: tuple[int, ...]
    expected: int
    seen: int | None
    located: bool
    files: tuple[Path, ...] = ()

    @property
    def channel(self) -> int:
        return self.index[-1]

    def __str__(self) -> str:
        place = "" if len(self.index) == 1 else f" at {list(self.index[:-1])}"
        return (
            f"sample {self.sample}, layer {self.layer}, channel {self.channel}{place}:"
            f" expected {self.expected}, seen {'nothing' if self.seen is None else self.seen}"
        )

    def to_json(self) -> dict[str, object]:
        return {
            "sample": self.sample,
            "layer": self.layer,
            "channel": self.channel,
            "index": list(self.index),
            "expected": self.expected,
            "seen": self.seen,
            "located": self.located,
            "files": [str(f) for f in self.files],
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """Comparison of hardware with the golden model.

    ``mismatches``: number of samples with a wrong output; ``first``: the first wrong value;
    ``violations``: broken rules of the stream; ``late``: the first beat that moved in another cycle
    than predicted; ``measured`` is None if time was not compared. ``seconds``: time of the whole
    verification, the build of the simulator included.
    """

    samples: int
    mismatches: int
    measured: Measured | None
    predicted: Timing | None
    late: str | None
    violations: tuple[Violation, ...]
    first: Difference | None
    engine: str
    stall: float
    seed: int
    cycles: int
    seconds: float

    @property
    def cycles_exact(self) -> bool | None:
        """Whether interval, latency and all beats' cycles are as predicted; None: not compared."""
        if self.measured is None or self.predicted is None:
            return None
        m, p = self.measured, self.predicted
        return self.late is None and (m.ii, m.latency) == (p.ii, p.latency)

    @property
    def ok(self) -> bool:
        """Whether bits and cycles are correct, and no stream rule is broken."""
        return not self.mismatches and not self.violations and self.cycles_exact is not False

    def check(self) -> None:
        """Raise a `MismatchError` that lists what is wrong, unless everything is correct."""
        if self.ok:
            return
        faults = []
        if self.first is not None:
            files = ", ".join(str(f) for f in self.first.files)
            faults.append(
                f"{self.mismatches} of {self.samples} samples differ; first: {self.first}"
                + (f" (see {files})" if files else "")
            )
        faults += [str(v) for v in self.violations]
        if self.cycles_exact is False:
            faults.append(f"time must be {_words(self.predicted)}, not {_words(self.measured)}")
            faults += [] if self.late is None else [self.late]
        raise MismatchError("; ".join(faults), report=self.to_json())

    def to_json(self) -> dict[str, object]:
        """Return the content of ``verify.json``."""
        return {
            "ok": self.ok,
            "samples": self.samples,
            "mismatches": self.mismatches,
            "measured": _timing_json(self.measured),
            "predicted": _timing_json(self.predicted),
            "cycles_exact": self.cycles_exact,
            "late": self.late,
            "violations": [str(v) for v in self.violations],
            "first_mismatch": None if self.first is None else self.first.to_json(),
            "engine": self.engine,
            "stall": float(self.stall),
            "seed": self.seed,
            "cycles": self.cycles,
            "seconds": round(self.seconds, 2),
        }


def _timing_json(value: Measured | Timing | None) -> dict[str, object] | None:
    return None if value is None else {"ii": _number(value.ii), "latency": value.latency}


def _number(value: Fraction | None) -> int | str | None:
    """Return an exact number as JSON: an integer, or "p/q"."""
    if value is None:
        return None
    return value.numerator if value.denominator == 1 else str(value)


def _words(value: Measured | Timing | None) -> str:
    if value is None:
        return "unknown"
    ii = "never periodic" if value.ii is None else f"interval {value.ii}"
    return f"{ii} and latency {value.latency}"
