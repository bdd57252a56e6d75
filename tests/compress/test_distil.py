"""Distillation: losses as others define them, what a teacher teaches, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bitrill.compress import recipe as recipes
from bitrill.compress.distilling import (
    attention_loss,
    correlation_loss,
    hint_loss,
    results,
    soft_loss,
)
from bitrill.compress.module_training import Training
from bitrill.compress.quantizers.insertion import quantized
from bitrill.compress.quantizers.quantizer_table import PatternSettings, QuantizerTable
from bitrill.compress.sources import DataSplits
from bitrill.compress.state import State
from bitrill.compress.steps.distil import REGRESSORS
from bitrill.errors import SpecError
from compress import users_net
from compress.test_factor import taken
from torch import nn
from torch.nn import functional


def test_the_soft_loss_is_torch_s_divergence_of_averaged_teachers() -> None:
    torch.manual_seed(0)
    ours, *teachers = torch.randn(3, 6, 5)
    p = sum((t / 3).softmax(1) for t in teachers) / 2
    q = (ours / 3).softmax(1)
    kl = (p * (p / q).log()).sum(1).mean()  # pyright: ignore[reportAttributeAccessIssue]
    torch.testing.assert_close(soft_loss(ours, teachers, 3), 9 * kl)
    assert float(soft_loss(ours, [ours], 3)) == pytest.approx(0, abs=1e-6)
    hard = functional.one_hot(torch.arange(5), 5) * 1e3
    expected = functional.cross_entropy(ours[:5], torch.arange(5))
    torch.testing.assert_close(soft_loss(ours[:5], [hard], 1), expected)


def test_attention_looks_at_places_and_not_at_channels() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(3, 4, 2, 5)), generator.normal(size=(3, 7, 2, 5))
    maps = [(x**2).sum(1).reshape(3, -1) for x in (a, b)]
    maps = [m / np.sqrt((m**2).sum(1, keepdims=True)) for m in maps]
    expected = ((maps[0] - maps[1]) ** 2).sum() / 3
    loss = attention_loss(*map(torch.from_numpy, (a, b)))
    assert float(loss) == pytest.approx(expected)
    turned = torch.from_numpy(3 * a[:, ::-1].copy())
    assert float(attention_loss(turned, torch.from_numpy(a))) == pytest.approx(0, abs=1e-12)


def test_correlation_is_the_series_of_a_gaussian_kernel() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(4, 6)), generator.normal(size=(4, 3, 2))
    rows = [x.reshape(4, -1) for x in (a, b)]
    rows = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in rows]
    distances = [((x[:, None] - x[None]) ** 2).sum(2) for x in rows]
    kernels = [np.exp(-0.4 * d) for d in distances]
    expected = ((kernels[0] - kernels[1]) ** 2).mean()
    loss = correlation_loss(*map(torch.from_numpy, (a, b)))
    assert float(loss) == pytest.approx(expected, rel=0.15), "two terms are near the kernel"


def test_a_hint_is_measured_in_the_teacher_s_size() -> None:
    x = torch.randn(4, 3)
    assert float(hint_loss(0 * x, 5 * x)) == pytest.approx(1)


class Teacher(users_net.Net):
    def __init__(self, width: int = 6, classes: int = 10) -> None:
        super().__init__(width)
        self.head = nn.Linear(2 * width, classes)


def state_of(module: nn.Module, teacher: nn.Module) -> State:
    """A state whose labels say nothing: what is learned comes from the teacher."""
    torch.manual_seed(1)
    x, y = torch.randn(64, 1, 8, 8), torch.zeros(64, dtype=torch.long)
    return State(module.eval(), DataSplits(x, y, x, y, x, y), Path(), lambda _: teacher.eval())


def distilled(module: nn.Module, by: nn.Module, how: str, **given: Any) -> State:
    state = state_of(module, by)
    training = {"epochs": 6, "batch": 16, "learning_rate": 0.01}
    table = {"kind": "distil", "teacher": "net.py:make", "weight": 1.0, "how": how, **given}
    return taken(state, table, **training)


@pytest.mark.parametrize("how", ["hinton", "fitnets"])
def test_a_network_learns_what_its_teacher_answers(how: str) -> None:
    torch.manual_seed(0)
    teacher = Teacher()
    with torch.no_grad():
        teacher.head.weight.mul_(20)
    student = quantized(
        users_net.Net(), QuantizerTable({"*": PatternSettings(weights="int4", acts=4)})
    )
    state = distilled(student, teacher, how, temperature=2)
    x = state.data.x_train
    with torch.no_grad():
        same = (student(x).argmax(1) == teacher(x).argmax(1)).float().mean()
    assert float(same) > 0.8
    assert not hasattr(student, REGRESSORS)
    assert all(p.requires_grad for p in student.parameters())


def test_layer_by_layer_each_one_follows_its_teacher() -> None:
    torch.manual_seed(0)
    nets = [
        nn.Sequential(
            nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 10)
        )
        for _ in range(2)
    ]
    student = quantized(nets[0], QuantizerTable({"*": PatternSettings(weights="int4", acts=6)}))
    trained: list[set[str]] = []
    state, step = state_of(student, nets[1]), State.fit

    def fit(self: State, *given: Any, **named: Any) -> None:
        free = {name for name, p in self.module.named_parameters() if p.requires_grad}
        trained.append({name[0] for name in free if name[:2] in ("1.", "3.", "5.")})
        step(self, *given, **named)

    def losses() -> list[float]:
        both = [results(net, ["1", "3"], state.data.x_train) for net in (student, nets[1])]
        return [float(hint_loss(both[0][name], both[1][name])) for name in ("1", "3")]

    before = losses()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(State, "fit", fit)
        table = {"kind": "distil", "teacher": "a:b", "how": "layerwise"}
        taken(state, table, epochs=8, batch=16, learning_rate=0.03)
    assert trained == [{"1"}, {"3"}, {"5"}]
    after = losses()
    assert all(b < 0.6 * a for a, b in zip(before, after, strict=True))
    assert all(p.requires_grad for p in student.parameters())


@pytest.mark.parametrize("how", ["attention", "correlation"])
def test_layers_come_near_those_of_the_teacher(how: str) -> None:
    torch.manual_seed(0)
    student, teacher = users_net.Net(), Teacher()
    loss = {"attention": attention_loss, "correlation": correlation_loss}[how]
    x = state_of(student, teacher).data.x_train

    def distance() -> float:
        with torch.no_grad():
            ours, theirs = (functional.relu(net.eval().stem(x)) for net in (student, teacher))
            return float(loss(student.blocks(ours), teacher.blocks(theirs)))

    before = distance()
    distilled(student, teacher, how, hints={"blocks.1": "blocks.1"})
    assert distance() < 0.7 * before


def test_hints_are_chosen_before_training() -> None:
    state = state_of(users_net.Net(), Teacher(8))
    names = ["stem", "blocks.0.conv1", "blocks.0.conv2", "blocks.1.conv1"]
    names += ["blocks.1.conv2", "blocks.1.down"]
    chosen = {"attention": names, "fitnets": names[3:4], "correlation": names[5:]}
    for how, expected in chosen.items():
        table = {"kind": "distil", "how": how, "teacher": "x"}
        step = recipes.make_step(table, Training(), "step 1")
        assert step.choose(state)["hints"] == [[name, name] for name in expected]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"how": "hinton", "hints": {"stem": "stem"}}, "hinton takes no hints"),
        ({"how": "fitnets", "teacher": ["a", "b"]}, "fitnets takes one teacher, not 2"),
        ({"how": "hinton", "teacher": []}, "hinton takes one teacher, not 0"),
        ({"how": "attention", "hints": {"stam": "stem"}}, "hints: 'stam' is no layer of the net"),
        ({"how": "attention", "hints": {"stem": "stam"}}, "hints: 'stam' is no layer of the tea"),
        (
            {"how": "attention", "hints": {"stem": "blocks.1"}},
            r"stem gives \[4, 8, 8\] and the teacher's blocks.1 \[12, 4, 4\]; attention",
        ),
        ({"how": "layerwise", "hints": {"stem": "stem"}}, "layerwise needs equal shapes"),
        (
            {"how": "fitnets", "hints": {"head": "stem"}},
            "fitnets needs maps of one size, or vectors",
        ),
        ({"how": "layerwise"}, "no layers of the same name fit; hints must name some"),
        ({"how": "temper"}, "how must be one of hinton"),
    ],
)
def test_what_cannot_be_taught_is_said_before_training(
    table: Mapping[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(State, "fit", lambda *_, **__: pytest.fail("it trained"))
    with pytest.raises(SpecError, match=message) as error:
        distilled(users_net.Net(), Teacher(), **table)
    assert "\n" not in str(error.value)


def test_a_teacher_of_other_outputs_is_named() -> None:
    with pytest.raises(SpecError, match=r"make must give 10 outputs like the network, not 12"):
        distilled(users_net.Net(), Teacher(classes=12), "hinton")


def test_a_layer_that_is_never_called_gives_no_hint() -> None:
    student = quantized(users_net.Net(), QuantizerTable({}))
    with pytest.raises(SpecError, match=r"blocks.1 is never called by itself"):
        distilled(student, Teacher(), "correlation", hints={"blocks.1": "blocks.1"})
