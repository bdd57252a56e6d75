"""The step ``distil``: trains a network to imitate other networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from ...errors import SpecError, meant
from .. import graph_tracing
from ..distilling import attention_loss, correlation_loss, hint_loss, results, soft_loss, tapped
from ..keys import number
from ..module_training import LOSSES, Objective
from ..state import Choices, CompressionStep, State, step

Pairs = list[tuple[str, str]]
"""Names of layers: of the network, of its teacher."""

REGRESSORS = "hint_regressors"
"""Name under which the regressors of FitNets train with the network; they go when it is done."""

_MATCHES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "attention": attention_loss,
    "correlation": correlation_loss,
}


@step("distil")
@dataclass(frozen=True, kw_only=True)
class Distil(CompressionStep):
    """Trains on ``(1 - weight) loss + weight soft``, where ``soft`` compares with a teacher.

    ``how``: ``hinton`` compares outputs at a ``temperature``; ``attention`` and ``correlation``
    compare the results of layers. ``fitnets`` first trains the network up to a layer to have the
    results of the teacher's layer, through a regressor if channels differ, then continues as
    ``hinton``, for ``epochs`` each. ``layerwise`` trains one layer after the other to have the
    results of the teacher's, for ``epochs`` each (TNN, Alemdar et al. 2017), and the layers after
    the last hint as ``hinton``.

    ``teacher``: ``"step 2"`` of this recipe; ``"net.py:make"`` or ``"package.module:make"``, which
    returns a trained network; ``"net.pt"``, a module that torch saved, or ``"net.onnx"``, a
    quantized model that the golden model runs. ``hinton`` accepts a list, whose answers are
    averaged. ``hints``: a table ``{"layer" = "teacher's layer"}``; by default layers of the same
    name: the middle one for ``fitnets``, the last one before the outputs for ``correlation``, else
    all of them.
    """

    how: Literal["hinton", "fitnets", "attention", "correlation", "layerwise"] = "hinton"
    teacher: str | tuple[str, ...]
    temperature: float = number(4.0, low=0.1, high=1000)
    weight: float = number(0.5, low=0, high=1)
    hints: dict[str, str] = field(default_factory=dict)

    @property
    def teachers(self) -> tuple[str, ...]:
        """References of all teachers."""
        return (self.teacher,) if isinstance(self.teacher, str) else self.teacher

    def faults(self) -> list[str]:
        count = len(self.teachers)
        if not count or (count > 1 and self.how != "hinton"):
            return [f"{self.how} takes one teacher, not {count}"]
        if self.hints and self.how == "hinton":
            return ["hinton takes no hints: it compares outputs"]
        return []

    def choose(self, state: State) -> Choices:
        """See that teacher and hints fit, before any training; the choice is the hints."""
        x, ours = state.example, _outputs(state.module, state.example)
        teachers = self._teachers(state)
        for reference, teacher in zip(self.teachers, teachers, strict=True):
            theirs = _outputs(teacher, x)
            if theirs.shape != ours.shape:
                raise SpecError(
                    f"the teacher {reference} must give {ours.shape[1]} outputs like the network,"
                    f" not {theirs.shape[1]}"
                )
        if self.how == "hinton":
            return {"hints": []}
        return {"hints": [list(pair) for pair in self._hints(state.module, teachers[0], x)]}

    def _teachers(self, state: State) -> list[nn.Module]:
        return [state.teacher(reference).eval() for reference in self.teachers]

    def _hints(self, module: nn.Module, teacher: nn.Module, x: Tensor) -> Pairs:
        """Return the layers that are compared; raises `SpecError` where that cannot be."""
        pairs = list(self.hints.items()) or _same_names(module, teacher)
        faults = _unknown([a for a, _ in pairs], module, "the network")
        faults += _unknown([b for _, b in pairs], teacher, "the teacher")
        if faults:
            raise SpecError("; ".join(faults), faults=faults)
        ours = results(module, [a for a, _ in pairs], x)
        theirs = results(teacher, [b for _, b in pairs], x)
        faults = [
            fault
            for a, b in pairs
            if (fault := _misfit(self.how, (a, ours.get(a)), (b, theirs.get(b))))
        ]
        if not self.hints:  # what fits among layers of the same name
            pairs = [(a, b) for a, b in pairs if not any(f.startswith(f"{a} ") for f in faults)]
            if not pairs:
                raise SpecError("no layers of the same name fit; hints must name some")
            return {"fitnets": pairs[len(pairs) // 2 :][:1], "correlation": pairs[-1:]}.get(
                self.how, pairs
            )
        if faults:
            raise SpecError("; ".join(faults), faults=faults)
        return pairs

    def tune(self, state: State, choices: Choices) -> None:
        teachers, pairs = self._teachers(state), [(a, b) for a, b in choices["hints"]]
        if self.how == "fitnets":
            self._fit_hints(state, teachers[0], pairs)
        if self.how == "layerwise":
            self._fit_layers(state, teachers, pairs)
        elif self.how in _MATCHES:
            with _matching(state.module, teachers[0], pairs, _MATCHES[self.how]) as soft:
                state.fit(self.training, lambda m, x, y: self._mixed(m, x, y, lambda _: soft(x)))
        else:
            state.fit(self.training, self._hinton(teachers))

    def _mixed(
        self, module: nn.Module, x: Tensor, labels: Tensor, soft: Callable[[Tensor], Tensor]
    ) -> Tensor:
        outputs = module(x)
        hard = LOSSES[self.training.loss](outputs, x, labels)
        return (1 - self.weight) * hard + self.weight * soft(outputs)

    def _hinton(self, teachers: list[nn.Module]) -> Objective:
        def objective(module: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
            with torch.no_grad():
                theirs = [teacher(x) for teacher in teachers]
            return self._mixed(
                module, x, labels, lambda outputs: soft_loss(outputs, theirs, self.temperature)
            )

        return objective

    def _fit_hints(self, state: State, teacher: nn.Module, pairs: Pairs) -> None:
        """Train the network up to its hints, with regressors to the teacher's channels."""
        module, x = state.module, state.example
        ours, theirs = (
            results(net, [pair[k] for pair in pairs], x) for k, net in enumerate((module, teacher))
        )
        regressors = nn.ModuleList(_regressor(ours[a], theirs[b]) for a, b in pairs)
        module.add_module(REGRESSORS, regressors)  # trained, and kept for resuming, with it
        through = dict(zip([a for a, _ in pairs], regressors, strict=True))
        try:
            with _matching(module, teacher, pairs, hint_loss, through) as soft:
                state.fit(self.training, lambda m, x, _: (m(x), soft(x))[1], name="hints")
        finally:
            delattr(module, REGRESSORS)

    def _fit_layers(self, state: State, teachers: list[nn.Module], pairs: Pairs) -> None:
        """Train each hint's layer together with those since the hint before it; then train the
        rest."""
        module = state.module
        free = [p for p in module.parameters() if p.requires_grad]
        rest = list(free)
        try:
            for k, pair in enumerate(pairs):
                with _matching(module, teachers[0], [pair], hint_loss) as soft:
                    _train_only(free, free)
                    stage = _reached(module, soft, state.example, rest)
                    _train_only(free, stage)
                    name = f"layer{k + 1}"
                    if stage:
                        state.fit(self.training, lambda m, x, _, s=soft: (m(x), s(x))[1], name=name)
                rest = [p for p in rest if not any(p is q for q in stage)]
            _train_only(free, rest)
            if rest:
                state.fit(self.training, self._hinton(teachers))
        finally:
            _train_only(free, free)


def _outputs(module: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        given = module.eval()(x)
    return getattr(given, "value", given)


def _same_names(module: nn.Module, teacher: nn.Module) -> Pairs:
    """Return the layers with weights of the same names, but for the last one, the outputs'."""
    theirs = graph_tracing.weighted_names(teacher)
    return [(name, name) for name in graph_tracing.weighted_names(module)[:-1] if name in theirs]


def _unknown(names: list[str], module: nn.Module, whose: str) -> list[str]:
    known = [name for name, _ in module.named_modules() if name]
    return [
        f"hints: {name!r} is no layer of {whose}{meant(name, known)} (with weights:"
        f" {', '.join(graph_tracing.weighted_names(module))})"
        for name in names
        if name not in known
    ]


def _misfit(how: str, ours: tuple[str, Tensor | None], theirs: tuple[str, Tensor | None]) -> str:
    """Return why two layers cannot be compared, or an empty text."""
    (a, y), (b, t) = ours, theirs
    if y is None or t is None:
        return f"{a if y is None else b} is never called by itself, so it gives nothing to compare"
    shapes = f"{a} gives {list(y.shape[1:])} and the teacher's {b} {list(t.shape[1:])}"
    if how == "layerwise" and y.shape != t.shape:
        return f"{shapes}; layerwise needs equal shapes"
    if how == "attention" and (y.ndim != 4 or t.ndim != 4 or y.shape[2:] != t.shape[2:]):
        return f"{shapes}; attention needs maps of one size"
    if how == "fitnets" and (y.ndim not in (2, 4) or y[:, :1].shape != t[:, :1].shape):
        return f"{shapes}; fitnets needs maps of one size, or vectors"
    return ""


def _regressor(ours: Tensor, theirs: Tensor) -> nn.Module:
    """Return a layer that converts channels to the teacher's number: a 1x1 convolution or dense."""
    n_in, n_out = ours.shape[1], theirs.shape[1]
    if n_in == n_out:
        return nn.Identity()
    return nn.Linear(n_in, n_out) if ours.ndim == 2 else nn.Conv2d(n_in, n_out, 1)


@contextmanager
def _matching(
    module: nn.Module,
    teacher: nn.Module,
    pairs: Pairs,
    loss: Callable[[Tensor, Tensor], Tensor],
    through: dict[str, nn.Module] | None = None,
) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield the mean loss of the layers of the pass before, against a teacher's on the same x."""
    with (
        tapped(module, [a for a, _ in pairs]) as ours,
        tapped(teacher, [b for _, b in pairs]) as theirs,
    ):

        def soft(x: Tensor) -> Tensor:
            with torch.no_grad():
                teacher(x)
            passed = {a: (through or {}).get(a, nn.Identity())(ours[a]) for a, _ in pairs}
            return torch.stack([loss(passed[a], theirs[b]) for a, b in pairs]).mean()

        yield soft


def _reached(
    module: nn.Module, soft: Callable[[Tensor], Tensor], x: Tensor, among: list[nn.Parameter]
) -> list[nn.Parameter]:
    """Return the parameters on which a loss depends."""
    module.eval()(x)
    gradients = torch.autograd.grad(soft(x), among, allow_unused=True)
    return [p for p, gradient in zip(among, gradients, strict=True) if gradient is not None]


def _train_only(every: list[nn.Parameter], these: list[nn.Parameter]) -> None:
    for p in every:
        p.requires_grad_(any(p is q for q in these))
