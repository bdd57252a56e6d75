"""The verb `doctor`: reports which tools are installed, missing or faulty, and how to get them."""

from dataclasses import asdict, dataclass

from ..requirements import Check, check_all
from .result import Json, Result, Table


@dataclass(frozen=True, repr=False)
class Diagnosis(Result):
    """Result of `doctor`: the state of every tool."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no needed tool is missing or faulty."""
        return all(check.passed for check in self.checks)

    def summary(self) -> dict[str, object]:
        states = [check.status for check in self.checks]
        return {state: states.count(state) for state in dict.fromkeys(states)}

    def tables(self) -> tuple[Table, ...]:
        rows = [
            (c.tool, c.version or "-", c.status, c.why, "" if c.status == "ok" else c.get)
            for c in self.checks
        ]
        return (Table.of_texts(("tool", "version", "status", "why", "how to get it"), rows),)

    def to_json(self) -> Json:
        return {"ok": self.ok, "tools": [asdict(check) for check in self.checks]}


def doctor() -> Diagnosis:
    """Look for every tool that Bitrill can use; a missing or faulty tool raises no error."""
    return Diagnosis(tuple(check_all()))
