"""How the step prune goes about it: schedules, reconstruction, penalties, stops, bad input."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from bitrill import flow
from bitrill.compress.steps.pruning import penalties, reconstruction
from bitrill.compress.steps.pruning.units import units_of
from bitrill.errors import SpecError
from compress.states import applied, plain, state_of, step_of
from torch import Tensor, nn


def test_cubic_ends_at_the_ratio_and_begins_below() -> None:
    state, shares = state_of(plain(), n=100), []
    state.report = lambda *_: shares.append(float((state.module[3].weight == 0).float().mean()))
    applied("prune", state, ratio=0.8, schedule="cubic", epochs=4)
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert 0 < shares[2] < shares[9]
    assert abs(shares[10] - 0.8) < 0.01


def test_a_lottery_ticket_has_the_first_weights() -> None:
    state, start = state_of(plain()), plain()
    state.teacher = lambda reference: {"step 0": start}[reference]
    with torch.no_grad():
        state.module[3].weight.add_(torch.randn(8, 6, 3, 3))
    trained = state.module[3].weight.detach().clone()
    applied("prune", state, ratio=0.75, schedule="iterative", rounds=2, rewind="start")
    mask = state.masks["3"]
    assert float(mask.float().mean()) == 0.25
    assert torch.equal(state.module[3].weight, start[3].weight * mask)
    assert trained.abs()[mask].min() > 0


def test_a_ticket_of_other_layers_is_named() -> None:
    state = state_of(plain())
    state.teacher = lambda _: nn.Sequential(nn.Conv2d(1, 6, 3), *plain()[1:3], nn.Conv2d(6, 2, 3))
    with pytest.raises(SpecError, match=r"rewind must name a step with the same .* of 3, 7$"):
        applied("prune", state, ratio=0.5, schedule="iterative", rewind="start")


def test_soft_filters_come_back_until_the_end() -> None:
    state, zeros = state_of(plain()), []
    state.report = lambda *_: zeros.append(int((state.module[3].weight == 0).sum()))
    applied("prune", state, shape="filter", ratio=0.5, schedule="soft", prior_epochs=2)
    assert zeros[-1] < 4 * 54, "but those that no rectifier lets learn"
    assert len(zeros) == 4
    assert float(state.masks["3"].float().mean()) == 0.5
    assert not state.module[3].weight[~state.masks["3"]].any()


def test_dsd_ends_dense() -> None:
    state = state_of(plain())
    applied("prune", state, ratio=0.5, schedule="dsd", epochs=1)
    assert not state.masks
    assert (state.module[3].weight != 0).all()


def test_surgery_trains_what_is_masked() -> None:
    state, alive = state_of(plain(), n=200), []
    weight = state.module[3].weight
    state.report = lambda *_: alive.append((weight != 0).detach().clone())
    applied("prune", state, ratio=0.5, schedule="surgery", epochs=4, learning_rate=0.05)
    assert float(state.masks["3"].float().mean()) == 0.5
    assert torch.equal(weight != 0, state.masks["3"])
    assert alive[-1].all(), "what is masked is trained"


def test_surgery_keeps_what_is_masked() -> None:
    state, kept = state_of(plain()), []
    before = state.module[3].weight.detach().clone()
    state.report = lambda *_: kept.append(torch.equal(state.module[3].weight, before))
    applied("prune", state, ratio=0.5, schedule="surgery", epochs=2, learning_rate=0)
    assert kept == [True] * 4


def test_sensitivity_prunes_a_layer_as_far_as_it_costs_nothing() -> None:
    state = state_of(plain())
    with torch.no_grad():
        state.module[7].weight[:, 64:] = 0  # half of it can go for nothing
        labels = state.module(state.data.x_val).argmax(1)
    state.data = type(state.data)(
        state.data.x_train, state.data.y_train, state.data.x_val, labels, state.data.x_val, labels
    )
    choices = applied("prune", state, sensitivity=0)
    ratios = choices["ratios"]
    assert isinstance(ratios, dict)
    assert 0.5 <= ratios["7"] < 0.95
    assert state.accuracy() > 0


@pytest.mark.parametrize("how", ["thinet", "lasso"])
def test_least_squares_make_up_for_a_channel_that_is_a_copy(how: str) -> None:
    state = state_of(plain())
    with torch.no_grad():
        state.module[0].weight[4] = state.module[0].weight[1]
        for t in (state.module[1].weight, state.module[1].bias, state.module[1].running_mean):
            t[4] = t[1]
        state.module[3].weight[:, 4] *= 0.01  # and is hardly read
    before = state.module(state.data.x_train).detach()
    applied("prune", state, shape="channel", ratio={"0": 0.17}, reconstruct=how)
    assert state.module[0].out_channels == 5
    assert torch.allclose(state.module(state.data.x_train), before, atol=1e-3)


@pytest.mark.parametrize("how", ["thinet", "lasso"])
def test_a_dense_layer_may_read_what_goes(how: str) -> None:
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 10))
    with torch.no_grad():
        net[0].weight[[1, 4]] = 0.0
        net[0].bias[[1, 4]] = -1.0
    state = state_of(net, (4,))
    before = net(state.data.x_test)
    applied("prune", state, shape="channel", criterion="l1", ratio=1 / 3, reconstruct=how)
    assert state.module[0].out_features == 4
    assert torch.allclose(state.module(state.data.x_test), before, atol=1e-5)


def test_columns_that_hardly_differ_get_no_huge_weights() -> None:
    torch.manual_seed(1)
    x = torch.randn(200, 3)
    x = torch.cat([x, x[:, :1] + 1e-4 * torch.randn(200, 1)], 1)
    y, start = x[:, :1] + 0.1 * torch.randn(200, 1), torch.ones(4, 1)
    exact = torch.linalg.lstsq(x.double(), y.double()).solution
    assert float(exact.abs().max()) > 10
    fitted = reconstruction.least_squares(x, y, start)
    assert float(fitted.abs().max()) < 2
    errors = [float((x.double() @ w.double() - y).square().mean()) for w in (exact, fitted)]
    assert errors[1] < 1.05 * errors[0]


def test_thinet_takes_the_least_sum_greedily() -> None:
    c = torch.tensor([[3.0, 0], [1, 1], [-3, 0.5], [0, 9]]).double()
    assert reconstruction.thinet(c @ c.T, 1) == [1]
    assert reconstruction.thinet(c[[0, 2, 3]] @ c[[0, 2, 3]].T, 2) == [0, 1], "they cancel"


def test_penalties_by_hand() -> None:
    net = nn.Sequential(nn.Conv2d(2, 2, 1, bias=False), nn.BatchNorm2d(2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 1.0]]).view(2, 2, 1, 1))
        net[1].weight.copy_(torch.tensor([-2.0, 0.5]))
    assert penalties.slimming(net, 0).item() == 2.5
    filters = penalties.group_lasso({"0": units_of(net[0], "filter", 1)})
    assert float(filters(net, 0)) == pytest.approx(2**0.5 * 6)
    assert float(penalties.structured(net, 0)) == pytest.approx(2**0.5 * (6 + 3 + 17**0.5))
    mask = {"0": torch.tensor([[True, False], [True, True]]).view(2, 2, 1, 1)}
    assert float(penalties.growing(mask)(net, 0.5)) == 4


@pytest.mark.parametrize("penalty", ["slimming", "group_lasso", "ssl", "growing"])
def test_a_penalty_makes_small(penalty: str) -> None:
    sizes = []
    for strength in (0.0, 5.0 if penalty == "growing" else 0.1):
        state = state_of(plain(), n=100)
        applied(
            "prune",
            state,
            shape="filter",
            ratio={"3": 0.25},
            penalty=penalty,
            criterion="l2",
            strength=strength,
            prior_epochs=4,
            learning_rate=0.02,
        )
        part = state.module[4] if penalty == "slimming" else state.module[3]
        sizes.append(float(part.weight.detach().abs().sum()))
    assert sizes[1] < 0.97 * sizes[0]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "either ratio or sensitivity must be given"),
        ({"ratio": 0.5, "sensitivity": 1}, "either ratio or sensitivity must be given"),
        ({"ratio": 1.5}, "ratio must be from 0 to 1, not 1.5"),
        ({"ratio": 0.5, "shape": "chanel"}, "shape must be one of .*; did you mean 'channel'"),
        ({"ratio": 0.5, "shape": "2:4"}, "shape 2:4 tells the ratio itself"),
        ({"shape": "4:2"}, "shape N:M must have N from 1 to M - 1, not '4:2'"),
        ({"shape": "2:4", "schedule": "cubic"}, "shape 2:4 must have schedule one_shot, soft"),
        ({"ratio": 0.5, "criterion": "l3"}, "criterion must be one of"),
        ({"ratio": 0.5, "criterion": "fpgm"}, "criterion fpgm must have shape filter or channel"),
        ({"ratio": {"*": 0.5}, "criterion": "lamp"}, "scope network takes one ratio"),
        ({"ratio": 0.5, "criterion": "lamp", "scope": "layer"}, "lamp compares layers"),
        ({"ratio": 0.5, "shape": "channel", "schedule": "dsd"}, "shape channel must have schedule"),
        ({"ratio": 0.5, "schedule": "surgery", "shape": "kernel"}, "surgery must have shape"),
        ({"ratio": 0.5, "rewind": "start"}, "rewind must have schedule iterative"),
        ({"ratio": 0.5, "rewind": "2", "schedule": "iterative"}, "rewind must be start or step N"),
        ({"ratio": 0.5, "reconstruct": "lasso"}, "reconstruct must have shape channel"),
        ({"ratio": 0.5, "multiple": 4}, "multiple must have shape channel"),
        ({"ratio": 0.5, "sensitivty": 1}, "unknown key 'sensitivty'; did you mean 'sensitivity'"),
    ],
)
def test_keys_that_do_not_go_together(keys: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        step_of("prune", **keys)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"ratio": {"conv": 0.5}}, "ratio: 'conv' matches no layer .*layers: 0, 3, 7"),
        ({"ratio": 0.97, "shape": "channel"}, "ratio must leave a channel of 0, not remove all"),
        ({"ratio": 0.97, "shape": "filter"}, "ratio must leave a filter of 0, 3, not remove all"),
        ({"ratio": {"7": 0.5}, "shape": "channel"}, "ratio: '7' matches no layer"),
    ],
)
def test_what_cannot_be_pruned_is_named(keys: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        applied("prune", state_of(plain()), **keys)
    assert "\n" not in str(error.value)


def test_without_batch_norms_there_is_no_slimming() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    with pytest.raises(SpecError, match="criterion bn needs a batch norm with factors behind 1"):
        applied("prune", state_of(net), ratio=0.5, shape="filter", criterion="bn")
    with pytest.raises(SpecError, match="penalty slimming needs batch norms"):
        applied("prune", state_of(net), ratio=0.5, penalty="slimming", prior_epochs=1)


def test_a_network_that_fixes_its_channels_is_named() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(256, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.conv(x).reshape(-1, 4 * 64))

    with pytest.raises(SpecError, match=r"channels of conv cannot be removed, since"):
        applied("prune", state_of(Fixed()), ratio=0.5, shape="channel")


CHAIN = """
[data]
name = "digits"
limit = 200
[model]
recipe = "mlp"
width = 8
[hardware]
fps = 2000
[training]
epochs = 2
batch = 16
[[step]]
kind = "prune"
ratio = 0.6
schedule = "SCHEDULE"
"""


@pytest.mark.parametrize("schedule", ["cubic", "surgery", "iterative"])
def test_a_stop_changes_nothing(schedule: str, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(CHAIN.replace("SCHEDULE", schedule))
    whole = flow.compress(recipe, out=tmp_path / "whole")

    def stop(step: str, done: int, total: int) -> None:
        if re.search("epoch 2", step) and done == total - 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flow.compress(recipe, out=tmp_path / "cut", progress=stop)
    assert list((tmp_path / "cut").glob("*.part"))
    flow.compress(recipe, out=tmp_path / "cut")
    states = [torch.load(tmp_path / name / "step-1.pt") for name in ("whole", "cut")]
    for name, value in states[0]["module"].items():
        assert torch.equal(value, states[1]["module"][name])
    for name, mask in states[0]["masks"].items():
        assert torch.equal(mask, states[1]["masks"][name])
    assert whole.rows[0].nonzero == sum(int(m.sum()) for m in states[0]["masks"].values())
