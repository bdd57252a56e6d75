"""The verb `zoo`: lists the trained networks that come with Bitrill; and how each is measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from .. import zoo as networks
from .compiling import Compiled, compile
from .data import samples
from .extras import Progress, logged
from .result import Json, Result, TextTable, exact_number
from .verifying import accuracy


@dataclass(frozen=True, repr=False)
class Zoo(Result):
    """Result of `zoo`: its entries, in alphabetical order."""

    entries: tuple[networks.Entry, ...]

    def summary(self) -> dict[str, object]:
        return {"networks": len(self.entries), "bytes": f"{sum(map(size, self.entries)):,}"}

    def tables(self) -> tuple[TextTable, ...]:
        head = ("zoo:", "network", "bits", "data", "accuracy", "parameters", "kB")
        head += ("part", "LUTs", "FF", "RAMB36", "DSP", "cycles", "latency")
        rows = []
        for e in self.entries:
            made, hardware = e.figures, e.figures["hardware"]
            rows.append(
                (
                    *(e.name, e.title, e.bits, e.data, f"{100 * made['accuracy']:.2f} %"),
                    *(f"{made['parameters']:,}", f"{size(e) / 1000:.0f}", hardware["part"]),
                    *(f"{hardware['resources'][key]:,}" for key in ("lcs", "ff")),
                    f"{hardware['resources']['bram18'] / 2:g}",
                    *(hardware["resources"]["dsp"], hardware["ii"], hardware["latency"]),
                )
            )
        commands = [(e.name, e.recipe_command, e.compile_command) for e in self.entries]
        return (
            TextTable.of(head, rows, texts=4),
            TextTable.of_texts(("zoo:", "made by", "hardware predicted by"), commands),
        )

    def to_json(self) -> Json:
        rows = [
            {
                "name": e.name,
                "model": str(e.model),
                "title": e.title,
                "bits": e.bits,
                "data": e.data,
                "bytes": size(e),
                "recipe": e.recipe_command,
                "compile": e.compile_command,
                **e.figures,
            }
            for e in self.entries
        ]
        return {"networks": rows}


def zoo() -> Zoo:
    """List the trained networks that come with Bitrill; ``zoo:NAME`` is accepted as a model.

    Accuracy is that of the golden model on all images of the test set; hardware is predicted.
    """
    return Zoo(networks.entries())


def size(entry: networks.Entry) -> int:
    """Return the bytes of a model's file."""
    return entry.model.stat().st_size


def measured(
    entry: networks.Entry, model: Path, parameters: int, out: Path, progress: Progress = logged
) -> Json:
    """Compile a model as its entry says, in the folder ``out``; return the entry's figures."""
    done = compile(model, out=out, progress=progress, **entry.compile)  # pyright: ignore[reportArgumentType]
    chosen = samples(done.build.graph, entry.data, None, 0, progress)
    return {
        "accuracy": accuracy(done.build.graph, chosen),
        "test_images": len(chosen.x),
        "parameters": parameters,
        "hardware": predicted(done),
    }


def predicted(done: Compiled) -> Json:
    """Return the hardware of an entry's figures."""
    return {
        "part": None if done.part is None else done.part.name,
        "clock_mhz": done.clock_mhz,
        "ii": exact_number(done.build.predicted.ii),
        "latency": done.build.predicted.latency,
        "resources": asdict(done.resources),
    }
