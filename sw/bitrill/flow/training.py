"""The verb `train`: trains a recipe, exports the network and checks it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..tracking import TrackedRun, Tracker, tracked
from .extras import Progress, logged
from .result import Json, Result, TextTable


@dataclass(frozen=True, repr=False)
class Trained(Result):
    """Result of `train`.

    ``accuracy``: share of ``test_images`` that the network classifies correctly, 0..1; ``metrics``:
    the content of ``metrics.json``.
    """

    name: str
    model: Path
    accuracy: float
    test_images: int
    parameters: int
    metrics: Mapping[str, object]

    def summary(self) -> dict[str, object]:
        return {
            "network": self.name,
            "parameters": f"{self.parameters:,}",
            "accuracy": f"{100 * self.accuracy:.2f} % of {self.test_images:,} test images",
            "model": self.model,
        }

    def tables(self) -> tuple[TextTable, ...]:
        """Return the front of a run that has one: networks that no other one beats."""
        front = cast("list[Mapping[str, Any]]", self.metrics.get("front", []))
        rows = [
            (
                f"front/model_{p['luts']}.onnx",
                f"{p['luts']:,}",
                *(f"{100 * p[key]:.2f} %" for key in ("held", "accuracy")),
            )
            for p in front
        ]
        head = ("front", "LUTs", "accuracy, held back", "accuracy, test")
        return (TextTable.of(head, rows),) if rows else ()

    def to_json(self) -> Json:
        return dict(self.metrics)


TRACKED = ("recipe", "weights", "acts", "dataset", "epochs", "seed", "width", "prune", "budget")
"""Options that a tracker is told."""


@dataclass
class _Epochs:
    """Progress of a training, of which a tracker hears once an epoch."""

    run: TrackedRun
    progress: Progress
    now: tuple[int, dict[str, object]] | None = None

    def __call__(
        self, epoch: int, n_epochs: int, k: int, n: int, loss: float, accuracy: float | None
    ) -> None:
        known = "" if accuracy is None else f", accuracy {100 * accuracy:.2f} %"
        self.progress(f"epoch {epoch}/{n_epochs}{known}", (epoch - 1) * n + k, n_epochs * n)
        if self.now is not None and self.now[0] != epoch:
            self.end()
        self.now = epoch, {"loss": loss, "accuracy": accuracy}

    def end(self) -> None:
        """Tell of the epoch that is over."""
        if self.now is not None:
            self.run.step(self.now[1])
        self.now = None


def train(
    recipe: str,
    *,
    out: str | Path,
    weights: str | None = None,
    acts: int | str | None = None,
    dataset: str = "digits",
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = False,
    mean: float | None = None,
    std: float | None = None,
    width: int | None = None,
    prune: float | None = None,
    budget: int | None = None,
    track: str | Tracker | None = None,
    progress: Progress = logged,
) -> Trained:
    """Train a recipe, export it and compare the export with torch.

    Options as in `bitrill.train.train`. Writes ``model.onnx`` and ``metrics.json`` to ``out``.
    ``track``: ``mlflow``, ``wandb`` or a `bitrill.tracking.Tracker`, told of each epoch.
    """
    from .. import train as training

    given = {k: v for k, v in locals().items() if k in TRACKED and v is not None}
    with tracked(track, f"train {recipe}", given) as run:
        epochs_seen = _Epochs(run, progress)
        try:
            metrics = training.train(
                recipe,
                out=out,
                weights=weights,
                acts=acts,
                dataset=dataset,
                epochs=epochs,
                seed=seed,
                resume=resume,
                mean=mean,
                std=std,
                width=width,
                prune=prune,
                budget=budget,
                progress=epochs_seen,
            ).metrics
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"go on with --resume --out {out}") from None
        epochs_seen.end()
        run.last = {"accuracy": metrics["accuracy"], "parameters": metrics["parameters"]}
        run.files = [Path(out) / "model.onnx", Path(out) / "metrics.json"]
    return Trained(
        metrics["name"],
        Path(out) / "model.onnx",
        metrics["accuracy"],
        metrics["test_images"],
        metrics["parameters"],
        metrics,
    )
