"""Report on the comparison of one layer with the golden model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .job import Violation
from .outcome import Difference


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """Comparison of one layer with the golden model.

    ``layer`` and ``kind``: the node and its operator; ``mismatches``: samples with a wrong or a
    missing value; ``first``: the first of these; ``hung``: how the layer hung, if it did.
    """

    layer: str
    kind: str
    samples: int
    mismatches: int
    first: Difference | None
    violations: tuple[Violation, ...]
    hung: str | None
    cycles: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether all values are correct and no stream rule is broken."""
        return not (self.mismatches or self.violations or self.hung)

    def to_json(self) -> dict[str, object]:
        """Return the layer's object in ``verify.json``."""
        return {
            "name": self.layer,
            "kind": self.kind,
            "ok": self.ok,
            "samples": self.samples,
            "mismatches": self.mismatches,
            "first_mismatch": None if self.first is None else self.first.to_json(),
            "violations": [str(v) for v in self.violations],
            "hung": self.hung,
            "cycles": self.cycles,
            "seconds": round(self.seconds, 2),
        }

    @staticmethod
    def joined(parts: Sequence[LayerReport]) -> LayerReport:
        """Return the report of all groups of a layer's samples, in their order."""
        firsts = [p.first for p in parts if p.first is not None]
        kinds = {v.kind: v for p in reversed(parts) for v in p.violations}
        return replace(
            parts[0],
            samples=sum(p.samples for p in parts),
            mismatches=sum(p.mismatches for p in parts),
            first=firsts[0] if firsts else None,
            violations=tuple(kinds.values()),
            hung=next((p.hung for p in parts if p.hung is not None), None),
            cycles=sum(p.cycles for p in parts),
            seconds=sum(p.seconds for p in parts),
        )
