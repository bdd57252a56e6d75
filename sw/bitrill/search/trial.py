"""A trial on a worker: predicted, trained, answered by hardware."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from ..compress.recipe import Recipe
from ..compress.sources import DataSplits
from ..errors import BitrillError, FitError
from ..jobs import Place
from ..progress import Progress
from .domains import Value
from .figures import SLACK, Answer, Answers
from .shared_chains import SharedChain
from .space import Space

State = Literal["done", "short", "pruned", "failed"]
"""What became of a trial: it has all figures, those of its short training, or a reason."""

LOOK_IMAGES = 256
"""Images on which an untrained network gets its scales, for a prediction of its hardware."""

_CALIBRATING = ("rounding", "gptq", "gpfq", "bias_correction")
"""Keys of `quantize` that change weights alone, which a prediction does without."""


@dataclass(frozen=True)
class SearchWork:
    """What all trials of a search share; it travels to each worker once.

    ``data``: the recipe's, loaded; None with a model. ``model``: the model file's bytes, if that is
    searched. ``source``: the text of the file with the network's function, for workers that do not
    see it. ``place``: where trained steps are kept.
    """

    space: Space
    answers: Answers
    place: Place
    data: DataSplits | None = None
    model: bytes | None = None
    source: str = ""


@dataclass(frozen=True)
class Item:
    """A trial to be done: all of it, or its training in a ``share`` of the epochs.

    ``looks``: its hardware is predicted before it is trained, if anything depends on that.
    """

    number: int
    values: Mapping[str, Value]
    share: float = 1.0
    looks: bool = True

    def __str__(self) -> str:
        return f"trial {self.number}"


@dataclass(frozen=True)
class Outcome:
    """What became of a trial; ``model``: bytes of its ONNX file, ``seconds`` of CPU."""

    number: int
    state: State
    reason: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    folding: Mapping[str, Any] | None = None
    model: bytes | None = None
    seconds: float = 0.0


def run(work: SearchWork, item: Item, progress: Progress) -> Outcome:
    """Do a trial. What goes wrong in it is its outcome: the search goes on."""
    start = time.process_time()

    def report(what: str, done: int, total: int) -> None:
        progress(f"{item}: {what}", done, total)

    try:
        with tempfile.TemporaryDirectory(prefix="bitrill-trial-") as folder:
            outcome = _Trial(work, item, report, Path(folder)).run()
    except FitError as error:
        outcome = Outcome(item.number, "pruned", str(error))
    except BitrillError as error:
        outcome = Outcome(item.number, "failed", str(error))
    except Exception as error:  # of the user's network
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        outcome = Outcome(item.number, "failed", f"{type(error).__name__}: {reason}")
    return dataclasses.replace(outcome, seconds=round(time.process_time() - start, 3))


@dataclass
class _Trial:
    work: SearchWork
    item: Item
    report: Progress
    folder: Path

    def run(self) -> Outcome:
        space = self.work.space
        if space.model is not None:
            path = self.folder / "model.onnx"
            assert self.work.model is not None
            path.write_bytes(self.work.model)
            return self._told(self._answer(path), {}, None)
        recipe = space.recipe(self.item.values)
        recipe = dataclasses.replace(recipe, folder=self._beside(recipe))
        if self.item.looks and (space.constraints.of_hardware or self.item.share < 1):
            look = self._look(recipe)
            broken = space.constraints.broken(look, SLACK)
            if broken:
                reason = f"before any training: {'; '.join(broken)}"
                return Outcome(self.item.number, "pruned", reason, look)
            if self.item.share < 1:
                chain = self._chain(shortened(recipe, self.item.share), None)
                figures = {**look, "validation": chain.rows[-1].validation}
                return Outcome(self.item.number, "short", figures=figures)
        chain = self._chain(recipe, None)
        last = chain.rows[-1]
        trained = {"accuracy": last.validation, "test_accuracy": last.accuracy}
        trained |= {"parameters": last.parameters, "weight_bits": last.weight_bits}
        return self._told(self._answer(chain.model), trained, chain.model.read_bytes())

    def _look(self, recipe: Recipe) -> dict[str, Any]:
        """Predict what hardware takes for the network before it is trained."""
        self.report("predicting", 0, 0)
        return self._answer(self._chain(untrained(recipe), self.folder / "look").model).figures()

    def _told(self, answer: Answer, trained: dict[str, Any], model: bytes | None) -> Outcome:
        figures = {**trained, **answer.figures()}
        return Outcome(self.item.number, "done", "", figures, answer.folding, model)

    def _answer(self, model: Path) -> Answer:
        space = self.work.space
        self.report("predicting hardware", 0, 0)
        return self.work.answers(model, space.hardware(self.item.values), space.constraints.board)

    def _chain(self, recipe: Recipe, root: Path | None) -> SharedChain:
        """Run a chain: with the search's trained steps, or without weights that are kept."""
        data = self.work.data
        folder = self.folder if root is None else root
        if root is not None and data is not None:
            data = first_images(data)
        chain = SharedChain(
            recipe,
            folder,
            lambda path: self._answer(path),  # pyright: ignore[reportArgumentType]
            self.report,
            given=data,
            root=self.work.place.here("search") if root is None else root,
            source=self.work.source,
        )
        chain.run()
        return chain

    def _beside(self, recipe: Recipe) -> Path:
        """Return the folder with the network's file, which a worker elsewhere writes first."""
        place = (recipe.model.module or "").rpartition(":")[0]
        if not place.endswith(".py") or (recipe.folder / place).is_file():
            return recipe.folder
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.work.source)
        return self.folder


def untrained(recipe: Recipe) -> Recipe:
    """Return a recipe whose steps build their networks and train nothing."""
    return _with_epochs(recipe, lambda _: 0, quick=True)


def shortened(recipe: Recipe, share: float) -> Recipe:
    """Return a recipe whose steps train a share of their epochs, at least one each."""
    return _with_epochs(recipe, lambda epochs: min(epochs, max(1, round(epochs * share))))


def _with_epochs(recipe: Recipe, of: Any, *, quick: bool = False) -> Recipe:
    def changed(each: Any) -> Any:
        own = each.training
        values: dict[str, Any] = {"training": dataclasses.replace(own, epochs=of(own.epochs))}
        for f in dataclasses.fields(each):
            if f.name == "prior_epochs" and getattr(each, f.name):
                values[f.name] = of(getattr(each, f.name))
            elif quick and f.name in _CALIBRATING:
                values[f.name] = f.default
        return dataclasses.replace(each, **values)

    steps = tuple(changed(each) for each in recipe.steps)
    return dataclasses.replace(recipe, steps=steps)


def first_images(data: DataSplits) -> DataSplits:
    """Return the first images of each split alone, and one of the last class among them."""
    parts = {f.name: getattr(data, f.name)[:LOOK_IMAGES] for f in dataclasses.fields(DataSplits)}
    last = int(data.y_train.argmax())
    for name in ("x_train", "y_train"):
        every = getattr(data, name)
        parts[name] = torch.cat([every[: LOOK_IMAGES - 1], every[last : last + 1]])
    return dataclasses.replace(data, **parts)
