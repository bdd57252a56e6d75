"""A chain of steps, run in order: checkpoints, resuming, figures after each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import BitrillError, FitError, SpecError, StorageError
from ..progress import Progress
from ..storage import remove, write_json
from ..train import qonnx_export
from . import measures, module_training, sources, teachers
from .advice import Case, advise
from .checkpoints import Checkpoints
from .quantizers.quantized_layers import is_quantized
from .recipe import Recipe, step_json
from .state import CompressionStep, State
from .step_figures import Hardware, StepFigures

EXPORT_SAMPLES = 64
"""Validation inputs on which an export is compared with torch."""

COLLAPSE = 0.2
"""Loss of accuracy in one step that is warned of."""


@dataclass
class Chain:
    """A run of a recipe in a folder: ``run`` takes the steps that are not done yet.

    ``told`` is called with the figures after each step, also after one that was done before.
    """

    recipe: Recipe
    folder: Path
    hardware: Hardware
    progress: Progress
    redo: bool = False
    rows: list[StepFigures] = field(default_factory=list)
    told: Callable[[StepFigures], None] = lambda _row: None

    def __post_init__(self) -> None:
        self.files = Checkpoints(self.folder, self.recipe.to_json)
        self.data = self.recipe.data.load(self.recipe.folder)

    @property
    def model(self) -> Path:
        """The file of the last network that hardware can be made of."""
        return self.folder / "model.onnx"

    def run(self) -> list[StepFigures]:
        """Take every step; returns the figures after each."""
        with module_training.seeded(self.recipe.training.seed):
            state = self._start()
            done = [self.files.load(k, self.redo) for k in range(1, len(self.recipe.steps) + 1)]
            reached = next((k for k, each in enumerate(done) if each is None), len(done))
            for k, saved in enumerate(done[:reached], 1):
                assert saved is not None
                self._restore(state, k, saved)
                self._add(StepFigures(**saved["row"]))
            for k in range(reached + 1, len(done) + 1):
                self._take(state, k)
        return self.rows

    def _start(self) -> State:
        """Make the network; check that it accepts the data and returns a number for each class."""
        with module_training.seeded(self.recipe.training.seed):  # a teacher starts as the chain did
            module = self.recipe.model.make(self.recipe.folder, self.data)
        check_outputs(module, self.data, "the network")
        return State(
            module,
            self.data,
            self.recipe.folder,
            self._teacher,
            measure=measures.of_loss(self.recipe.training.loss),
            luts=self._luts,
        )

    def _restore(self, state: State, number: int, saved: Mapping[str, Any]) -> None:
        """Build the network after a step from its checkpoint."""
        step = self.recipe.steps[number - 1]
        state.module = step.reshape(state.module, saved["choices"], state.example)
        try:
            module_training.load_state(state.module, saved["module"])
        except (RuntimeError, KeyError, TypeError, ValueError) as error:  # as torch tells it
            reason = " ".join(str(error).split())[:200]
            raise StorageError(
                f"{self.files.path(number)} must hold the recipe's network, and holds another one,"
                f" perhaps of an older version; delete it to take that step again: {reason}"
            ) from error
        state.module.eval()
        state.masks, state.shared = dict(saved["masks"]), dict(saved["shared"])
        state.spectra = dict(saved.get("spectra", {}))

    def _take(self, state: State, number: int) -> None:
        step, start = self.recipe.steps[number - 1], time.process_time()
        head = f"step {number} of {len(self.recipe.steps)}: {step.kind}"
        state.report = lambda what, done, total: self.progress(f"{head}, {what}", done, total)
        state.keeper = lambda name: self.files.keeper(number, name)
        state.notes = []
        self.progress(head, 0, 0)
        torch.manual_seed(step.training.seed + number)
        try:
            choices = step.choose(state)
            state.module = step.reshape(state.module, choices, state.example)
            state.follow()
            step.tune(state, choices)
            state.module.eval()
            row = self._row(state, number, step, choices, time.process_time() - start)
        except BitrillError as error:
            error.args = (f"step {number} ({step.kind}): {error}",)
            raise
        self._add(row)
        saved = {"masks": state.masks, "shared": state.shared, "spectra": state.spectra}
        saved |= {"choices": choices}
        saved |= {"module": state.module.state_dict(), "row": asdict(row)}
        self.files.save(number, saved)
        write_json(self.folder / "steps.json", steps_json(self))

    def _add(self, row: StepFigures) -> None:
        self.rows.append(row)
        self.told(row)

    def _row(
        self,
        state: State,
        number: int,
        step: CompressionStep,
        choices: Mapping[str, object],
        seconds: float,
    ) -> StepFigures:
        """Measure the network after a step."""
        data, module = state.data, state.module
        figures, answer = measures.size(module), self._hardware(state, number)
        row = StepFigures(
            number,
            step.kind,
            state.measure(module, data.x_test, data.y_test),
            state.accuracy(),
            **asdict(figures),
            **answer,
            seconds=round(seconds, 2),
            choices=choices,
        )
        before = self.rows[-1].validation if self.rows else row.validation
        if row.validation < before - COLLAPSE:
            state.notes.append(
                f"step {number} ({step.kind}) cost {100 * (before - row.validation):.0f} points of"
                " accuracy on the validation split"
            )
        return replace(row, notes=tuple(state.notes), advice=self._advice(state, row))

    def _hardware(self, state: State, number: int) -> dict[str, Any]:
        """Export the network after a step, and predict what hardware takes for it."""
        if not is_quantized(state.module):
            remove(self.model)  # of an earlier run or step
            return {}
        self.progress(f"step {number}: predicting hardware", 0, 0)
        refused = self.export(state)
        state.notes += refused
        return {} if refused else self._answer(state, number)

    def export(self, state: State) -> list[str]:
        """Write `model`; returns why hardware cannot be made of it, nothing if it can."""
        report = qonnx_export.export(state.module, self.data.x_val[:EXPORT_SAMPLES], self.model)
        return [note for note in report.notes if note.startswith("not imported")]

    def _answer(self, state: State, number: int) -> dict[str, Any]:
        """Predict the hardware of the step's model: nothing but a note if the rate is too high.

        What earlier steps have trained is not lost for that. A first step has nothing to lose.
        """
        try:
            return asdict(self.hardware(self.model))
        except FitError as error:
            if number == 1:
                raise
            state.notes.append(f"no hardware: {error}")
            return {}

    def _luts(self, module: nn.Module) -> int:
        """Predict the LUTs of a quantized network that a step only tries."""
        path = self.folder / "trial.onnx"
        try:
            qonnx_export.export(module, self.data.x_val[:EXPORT_SAMPLES], path)
            return self.hardware(path).lcs
        finally:
            remove(path)

    def _advice(self, state: State, row: StepFigures) -> tuple[str, ...]:
        """Return the advice for a step."""
        data, best = state.data, max((each.validation for each in self.rows), default=0.0)
        recipe = self.recipe
        return advise(
            Case(
                recipe.steps,
                row.number,
                state.module,
                state.masks,
                row.validation,
                best,
                recipe.hardware.style,
                len(data.x_train),
                len(data.x_val),
                recipe.data.folds is not None,
            )
        )

    def _teacher(self, reference: str) -> nn.Module:
        """Return the network after a step of this chain, of a file or of a function."""
        number = reference.removeprefix("step ")
        if not number.isdigit():
            module = teachers.teacher(reference, self.recipe.folder)
            check_outputs(module, self.data, f"the teacher {reference}")
            return module.eval()
        state = self._start()
        for k in range(1, int(number) + 1):
            saved = self.files.load(k)
            if saved is None:
                raise SpecError(f"the teacher must be a step before this one, not {reference!r}")
            self._restore(state, k, saved)
        return state.module.eval()


def check_outputs(module: nn.Module, data: sources.DataSplits, what: str) -> None:
    """Raise `SpecError` if a network rejects the data or returns another number of classes."""
    was = module.training
    try:
        with torch.no_grad():
            given = module.eval()(data.x_train[:2])
    except Exception as error:  # the user's code raises what it likes
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SpecError(f"{what} must take inputs {list(data.shape)}: {reason}") from error
    finally:
        module.train(was)
    value = getattr(given, "value", given)
    if not isinstance(value, torch.Tensor) or value.ndim != 2 or value.shape[1] < data.classes:
        shape = list(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
        raise SpecError(f"{what} must give [N, {data.classes}] or more outputs, not {shape}")


def steps_json(chain: Chain) -> dict[str, object]:
    """Return what ``steps.json`` holds."""
    last = chain.rows[-1]
    return {
        "steps": [asdict(row) for row in chain.rows],
        "model": str(chain.model) if chain.model.exists() else None,
        "accuracy": last.accuracy,
        "recipe": [step_json(each) for each in chain.recipe.steps],
    }
