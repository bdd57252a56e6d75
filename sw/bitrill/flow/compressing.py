"""The verb `compress`: steps over a torch module, each answered by accuracy and by hardware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ir import is_searched
from ..parts.devices import PORTABLE, part_of
from ..resources.estimate import Resources, network_resources
from ..timing.predict import predict
from ..tracking import Tracker, tracked
from ..zoo import RECIPE, located
from .extras import Progress, extra, logged
from .import_and_fold import Goal, fold, fold_for, integers, load
from .result import Json, Result, TextTable, exact_number

if TYPE_CHECKING:
    from ..compress.recipe import Hardware
    from ..compress.step_figures import Figures, StepFigures


@dataclass(frozen=True, repr=False)
class Compressed(Result):
    """Result of `compress`: figures after each step; ``model`` is None without quantizers.

    With folds, accuracies are means over them, and all other figures and the model the first one's.
    """

    rows: tuple[StepFigures, ...]
    model: Path | None

    @property
    def accuracy(self) -> float:
        """Share of the test images that the last network decides rightly, 0..1."""
        return self.rows[-1].accuracy

    def summary(self) -> dict[str, object]:
        last = self.rows[-1]
        return {
            "steps": len(self.rows),
            "accuracy": f"{100 * last.accuracy:.2f} %",
            "weights": f"{last.nonzero:,} not zero, {last.weight_bits:,} bits",
            "LUTs": "-" if last.lcs is None else f"{last.lcs:,} (predicted)",
            "model": self.model or "none: not every layer is quantized",
        }

    def tables(self) -> tuple[TextTable, ...]:
        head = ("step", "kind", "accuracy", "validation", "parameters", "not zero", "weight bits")
        head += ("LUTs", "RAMB18", "DSP", "cycles", "seconds")
        rows = [
            (
                *(row.number, row.kind, _accuracy(row)),
                f"{100 * row.validation:.2f} %",
                *(f"{v:,}" for v in (row.parameters, row.nonzero, row.weight_bits)),
                *("-" if v is None else v for v in (row.lcs, row.ramb18, row.dsp, row.ii)),
                f"{row.seconds:.1f}",
            )
            for row in self.rows
        ]
        tables = [TextTable.of(head, rows, texts=2)]
        for what in ("notes", "advice"):
            lines = [(row.number, line) for row in self.rows for line in getattr(row, what)]
            if lines:
                tables.append(TextTable.of_texts(("step", what), lines))
        return tuple(tables)

    def to_json(self) -> Json:
        return {
            "steps": [asdict(row) for row in self.rows],
            "model": None if self.model is None else str(self.model),
            "accuracy": self.accuracy,
        }


def _accuracy(row: StepFigures) -> str:
    spread = "" if row.spread is None else f" +- {100 * row.spread:.2f}"
    return f"{100 * row.accuracy:.2f}{spread} %"


def compress(
    recipe: str | Path | Mapping[str, Any],
    *,
    out: str | Path,
    redo: bool = False,
    no_advice: bool = False,
    track: str | Tracker | None = None,
    progress: Progress = logged,
) -> Compressed:
    """Run a recipe, or go on with it: ``model.onnx``, ``steps.json`` and checkpoints in ``out``.

    ``recipe``: a TOML file, ``zoo:NAME``, or tables; relative paths start at the file, or where
    Python runs. Steps that are done are not done again. ``redo``: where the recipe has changed, do
    the first step that differs and those behind it again; without it, that is an error.
    ``no_advice``: leave out what rules of the field would try next. ``track``: ``mlflow``,
    ``wandb`` or a `bitrill.tracking.Tracker`, told of each step; with folds, of the first chain's.

    Raises `SpecError` with all that is wrong in a recipe, its data or its network; `ToolError` if a
    package is missing or training diverges; `UnsupportedError` for a network that hardware cannot
    hold; `FitError` for a rate that the first step's network cannot reach: a later one has a note.
    """
    source = recipe if isinstance(recipe, Mapping) else located(recipe, RECIPE)
    with extra("compress", "compress"):
        from ..compress import chain as chains
        from ..compress import recipe as recipes
        from ..compress.step_figures import averaged
    read = recipes.load(source) if isinstance(source, Path) else recipes.parse(source, Path())

    def answer(model: Path) -> Figures:
        return predicted_figures(model, read.hardware)

    made = [
        chains.Chain(each, folder, answer, progress, redo)
        for each, folder in recipes.folds(read, Path(out))
    ]
    about = {"recipe": read.model.recipe or read.model.module, "out": str(out)}
    about |= {f"step {k}": each.kind for k, each in enumerate(read.steps, 1)}
    with tracked(track, "compress", about) as run:
        made[0].told = lambda row: run.step(asdict(row))
        rows = averaged([chain.run() for chain in made])
        run.last = asdict(rows[-1])
        run.files = [made[0].model, made[0].folder / "steps.json"]
    if no_advice:
        rows = [replace(row, advice=()) for row in rows]
    return Compressed(tuple(rows), made[0].model if made[0].model.exists() else None)


def predicted_figures(model: Path, target: Hardware) -> Figures:
    """Return what a model takes on its recipe's hardware, by the model, with no Verilog."""
    from ..compress.step_figures import Figures

    part = None if target.part == PORTABLE else part_of(target.part)
    graph = integers(load(model))
    if is_searched(target.style):
        folded, _ = fold_for(graph, target.clock_mhz, [Goal(part, target.fps)], progress=logged)
    else:
        folded = fold(graph, style="unrolled", part=part, progress=logged)
    total = sum(network_resources(folded).values(), Resources())
    timing = predict(folded)
    return Figures(
        total.lcs, total.bram18, total.dsp, exact_number(Fraction(timing.ii)), timing.latency
    )
