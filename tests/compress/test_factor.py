"""Factored and folded layers: the dense layer at full rank, the best one below; what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorly
import torch
from bitrill.compress import factoring, graph_tracing
from bitrill.compress import recipe as recipes
from bitrill.compress.factoring import FACTORINGS, by_energy
from bitrill.compress.module_training import Training
from bitrill.compress.quantizers.insertion import quantized
from bitrill.compress.quantizers.quantizer_table import PatternSettings, QuantizerTable
from bitrill.compress.sources import DataSplits
from bitrill.compress.state import State
from bitrill.errors import SpecError
from compress import users_net
from tensorly.decomposition import partial_tucker
from tensorly.tenalg import multi_mode_dot
from torch import nn


def state_of(module: nn.Module) -> State:
    """A state of random images, eight classes' worth."""
    x, y = torch.randn(16, 1, 8, 8), torch.arange(16) % 10
    return State(module.eval(), DataSplits(x, y, x, y, x, y), Path(), lambda _: module)


def taken(state: State, table: Mapping[str, Any], **training: Any) -> State:
    """Take one step of a recipe."""
    step = recipes.make_step(table, Training(**{"epochs": 0, **training}), "step 1")
    choices = step.choose(state)
    state.module = step.reshape(state.module, choices, state.example)
    step.tune(state, choices)
    return state


CONV = {"stride": 2, "padding": (1, 2), "dilation": (1, 2)}


@pytest.mark.parametrize("how", ["svd", "tucker2", "separable"])
def test_at_full_rank_the_factors_are_the_layer(how: str) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, (3, 2), **CONV).double()  # pyright: ignore[reportArgumentType]
    x, way = torch.randn(2, 3, 9, 9).double(), FACTORINGS[how]
    factors = nn.Sequential(*way.make(layer, way.sizes(layer.weight))).double()
    torch.testing.assert_close(factors(x), layer(x), rtol=1e-5, atol=1e-6)
    assert len(factors) == {"svd": 2, "tucker2": 3, "separable": 2}[how]


def test_below_it_singular_values_are_numpy_s() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(12, 7)
    first, last = FACTORINGS["svd"].make(layer, (3,))
    u, s, v = np.linalg.svd(layer.weight.detach().double().numpy(), full_matrices=False)
    product = (last.weight @ first.weight).detach().numpy()  # pyright: ignore[reportOperatorIssue]
    np.testing.assert_allclose(product, (u[:, :3] * s[:3]) @ v[:3], atol=1e-6)
    assert by_energy(layer.weight.detach(), float((s[:3] ** 2).sum() / (s**2).sum()) - 1e-6) == 3
    assert by_energy(layer.weight.detach(), 1.0) == 7
    assert last.bias is layer.bias or torch.equal(last.bias, layer.bias)  # pyright: ignore[reportArgumentType]


def test_a_separable_kernel_keeps_one_map() -> None:
    torch.manual_seed(0)
    layer, x = nn.Conv2d(2, 1, 3, padding=1), torch.randn(1, 2, 5, 5)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(1, 2, 3, 1) * torch.randn(1, 1, 1, 3))
    torch.testing.assert_close(
        nn.Sequential(*FACTORINGS["separable"].make(layer, (1,)))(x), layer(x)
    )


def test_cp_finds_a_kernel_of_its_rank_as_tensorly_reconstructs_it() -> None:
    generator = np.random.default_rng(1)
    weights, factors = np.ones(2), [generator.normal(size=(n, 2)) for n in (6, 4, 3, 3)]
    layer, x = nn.Conv2d(4, 6, 3, stride=2, padding=1), torch.randn(2, 4, 7, 7)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(tensorly.cp_to_tensor((weights, factors))))
    chain = FACTORINGS["cp"].make(layer, (2,))
    assert [tuple(each.weight.shape) for each in chain] == [  # pyright: ignore[reportAttributeAccessIssue]
        *((2, 4, 1, 1), (2, 1, 3, 1), (2, 1, 1, 3), (6, 2, 1, 1))
    ]
    torch.testing.assert_close(nn.Sequential(*chain)(x), layer(x), rtol=1e-3, atol=1e-3)


def test_tucker_is_tensorly_s() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 6, 3, bias=False)
    first, core, last = (each.weight for each in FACTORINGS["tucker2"].make(layer, (3, 2)))
    ours = torch.einsum("no,oiyx,ic->ncyx", last[..., 0, 0], core, first[..., 0, 0])  # pyright: ignore
    given = partial_tucker(layer.weight.detach().double().numpy(), [3, 2], modes=[0, 1])[0]
    theirs = multi_mode_dot(*given, modes=[0, 1])
    np.testing.assert_allclose(ours.detach().numpy(), theirs, atol=1e-4)


def test_blocks_side_by_side_find_a_kernel_that_is_their_sum() -> None:
    torch.manual_seed(1)
    cores, u, v = torch.randn(2, 2, 2, 3, 3), torch.randn(2, 8, 2), torch.randn(2, 6, 2)
    u, v = torch.linalg.qr(u)[0], torch.linalg.qr(v)[0]
    layer, x = nn.Conv2d(6, 8, 3, stride=2, padding=1), torch.randn(2, 6, 7, 7)
    with torch.no_grad():
        layer.weight.copy_(torch.einsum("boiyx,bno,bci->ncyx", cores, u, v))
    first, core, last = FACTORINGS["btd"].make(layer, (2, 2, 2))
    assert isinstance(core, nn.Conv2d)
    assert (core.groups, tuple(core.weight.shape)) == (2, (4, 2, 3, 3))
    torch.testing.assert_close(last(core(first(x))), layer(x), rtol=1e-3, atol=1e-3)


def test_more_sweeps_never_leave_a_larger_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 8, 3, bias=False)
    rests = []
    for sweeps in (1, 2, 8):
        monkeypatch.setattr(factoring, "BTD_SWEEPS", sweeps)
        first, core, last = (each.weight for each in FACTORINGS["btd"].make(layer, (2, 2, 3)))
        u, v = last[..., 0, 0].unflatten(1, (3, 2)), first[..., 0, 0].unflatten(0, (3, 2))
        kernel = torch.einsum("nbo,boiyx,bic->ncyx", u, core.unflatten(0, (3, 2)), v)
        rests.append(float((layer.weight - kernel).detach().square().sum()))
    assert rests == sorted(rests, reverse=True)
    assert rests[2] < rests[0] < float(layer.weight.detach().square().sum())


def test_a_factored_network_can_be_quantized() -> None:
    torch.manual_seed(0)
    table = {"kind": "factor", "how": "tucker2", "layers": ["blocks.*.conv?"], "energy": 0.8}
    state = taken(state_of(users_net.Net()), table)
    names = [name for name, _ in state.module.named_modules()]
    assert "blocks.0.conv1.2" in names
    graph = quantized(state.module, QuantizerTable({"*": PatternSettings(weights="int4", acts=4)}))
    called = [str(n.target) for n in graph.graph.nodes if n.op == "call_module"]
    between = called[called.index("blocks.0.conv1.0") + 1]
    assert between.endswith("_quant")


def test_ranks_follow_a_budget_of_luts() -> None:
    torch.manual_seed(0)

    def wide() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))

    state = state_of(wide())

    def luts(module: nn.Module) -> int:  # as many as there are weights
        return sum(layer.weight.numel() for _, layer in graph_tracing.weighted_layers(module))  # pyright: ignore

    table = {"kind": "factor", "how": "svd", "layers": ["1"]}
    with pytest.raises(SpecError, match="luts needs a recipe's hardware"):
        taken(state, {**table, "luts": 1000})
    state.luts = luts
    before = luts(state.module)
    assert luts(taken(state, {**table, "luts": 900}).module) <= 900 < before
    ranks = len(state.module.get_submodule("1.0").weight)  # pyright: ignore[reportArgumentType]
    assert (ranks + 1) * (64 + 16) + 160 > 900, "the largest share that fits"
    with pytest.raises(SpecError, match="luts must be at least 240, which the lowest ranks take"):
        taken(replace(state, module=wide()), {**table, "luts": 3})


def test_masks_of_a_factored_layer_go() -> None:
    state = state_of(users_net.Net())
    state.masks["stem"] = torch.ones(4, 1, 3, 3)
    taken(state, {"kind": "factor", "how": "svd", "layers": ["stem"], "rank": 2})
    assert not state.masks
    assert state.notes == ["zeros of stem are gone: their factors have none"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"how": "svd", "rank": 2, "layers": ["steam"]}, "'steam' matches no layer; did you mean"),
        ({"how": "svd", "rank": 5, "layers": ["stem"]}, "rank of stem must be 1 to 4, not 5"),
        ({"how": "svd", "rank": {"head": 1}, "layers": ["stem"]}, "rank: 'head' matches no layer"),
        (
            {"how": "svd", "rank": {"stem": 1}, "layers": ["stem", "head"]},
            "rank of head must be 1 to 8, and no pattern gives one",
        ),
        ({"how": "cp", "rank": 2, "layers": ["*"]}, "cp takes Conv2d, and head is a Linear"),
        ({"how": "cp", "energy": 0.5, "layers": ["stem"]}, "cp must have a rank, not energy"),
        ({"how": "btd", "energy": 0.5, "layers": ["stem"]}, "btd must have a rank, not energy"),
        ({"how": "btd", "rank": 2, "layers": ["stem"]}, "blocks must be given with how = btd"),
        ({"how": "cp", "rank": 2, "blocks": 2, "layers": ["stem"]}, "blocks must be given with"),
        ({"how": "svd", "layers": ["stem"]}, "one of rank, energy and luts must be given, not"),
        ({"how": "svd", "rank": 1, "layers": []}, "layers must name at least one layer"),
        ({"how": "qr", "rank": 1, "layers": ["stem"]}, "how must be one of svd, tucker2"),
    ],
)
def test_what_cannot_be_factored_is_said(table: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        taken(state_of(users_net.Net()), {"kind": "factor", **table})
    assert "\n" not in str(error.value)


def odd(**given: Any) -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 2, 3, **given))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (odd(groups=2), "svd takes layers of one group, and 0 has 2"),
        (odd(padding="same"), "svd takes padding in numbers, and 0 has 'same'"),
    ],
)
def test_odd_layers_are_named(module: nn.Module, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        taken(state_of(module), {"kind": "factor", "how": "svd", "rank": 1, "layers": ["*"]})


def random_norms(module: nn.Module) -> nn.Module:
    """Give batch norms statistics and parameters of their own."""
    for each in module.modules():
        if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d):
            for values in (each.running_mean, each.bias):
                nn.init.normal_(values)  # pyright: ignore[reportArgumentType]
            for values in (each.running_var, each.weight):
                nn.init.uniform_(values, 0.5, 2)  # pyright: ignore[reportArgumentType]
    return module


def test_a_folded_network_computes_the_same() -> None:
    torch.manual_seed(0)
    state = state_of(random_norms(users_net.Net()))
    with torch.no_grad():
        before = state.module(state.data.x_train)
        after = taken(state, {"kind": "fold"}).module(state.data.x_train)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in state.module.modules())


def test_norms_that_are_not_alone_stay_and_are_told() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.flat = nn.BatchNorm2d(1), nn.Flatten()
            self.a, self.b = nn.Linear(64, 4), nn.BatchNorm1d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(self.a(self.flat(self.norm(x))))

    state = taken(state_of(Shared()), {"kind": "fold"})
    assert state.notes == ["not folded, no layer of their own before them: norm"]
    with pytest.raises(SpecError, match="fold needs a batch norm right behind a layer"):
        taken(state, {"kind": "fold"})


@pytest.mark.parametrize(
    "table", [{"kind": "fold"}, {"kind": "factor", "how": "svd", "rank": 1, "layers": ["stem"]}]
)
def test_a_quantized_network_is_refused(table: dict[str, Any]) -> None:
    module = quantized(users_net.Net(), QuantizerTable({}))
    with pytest.raises(SpecError, match=r"(fold|factor) must stand before quantize"):
        taken(state_of(module), table)
