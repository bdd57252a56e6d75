"""What the step prune takes: scores by criteria, masks of shapes, channels with their readers."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch_pruning as tp
from bitrill.compress.module_training import Training, load_state
from bitrill.compress.quantizers.insertion import quantized
from bitrill.compress.quantizers.quantizer_table import PatternSettings as Quantizers
from bitrill.compress.quantizers.quantizer_table import QuantizerTable
from bitrill.compress.state import State
from bitrill.compress.steps.pruning import criteria
from bitrill.compress.steps.pruning.criteria import Context
from bitrill.compress.steps.pruning.dependencies import Dependencies, remove
from bitrill.compress.steps.pruning.units import n_of_m_mask, units_of
from bitrill.compress.topologies.residual import ResidualBlock
from compress.states import applied, plain, state_of, step_of, with_norms
from compress.users_net import Net
from torch import Tensor, nn


def worth(criterion: str, state: State, shape: str = "filter", **training: object) -> Tensor:
    """Return the scores of the second convolution (or of the only layer)."""
    name = "3" if isinstance(state.module, nn.Sequential) and len(state.module) > 3 else "1"
    units = {name: units_of(state.module.get_submodule(name), shape, 4)}
    context = Context(state, Training(**training), 1000)  # type: ignore[arg-type]
    return criteria.scores(criterion, context, units)[name]


@pytest.mark.parametrize(
    ("criterion", "theirs"),
    [
        ("l1", tp.importance.GroupMagnitudeImportance(p=1, normalizer=None)),
        ("l2", tp.importance.GroupMagnitudeImportance(p=2, normalizer=None)),
        ("fpgm", tp.importance.FPGMImportance(p=1, normalizer=None)),
        ("bn", tp.importance.BNScaleImportance(normalizer=None)),
        ("lamp", tp.importance.LAMPImportance()),
    ],
)
def test_scores_of_filters_are_torch_pruning_s_up_to_a_factor(
    criterion: str, theirs: tp.importance.Importance
) -> None:
    state = state_of(plain())
    if criterion == "fpgm":
        state.module[3].weight.data.abs_()  # theirs takes magnitudes first
    graph = tp.DependencyGraph().build_dependency(state.module, state.example)
    group = next(g for g in graph.get_all_groups() if g[0].dep.target.module is state.module[3])
    theirs.group_reduction = "first"
    if criterion == "bn":
        theirs.group_reduction = "mean"
    expected = theirs(group)
    ratio = worth(criterion, state) / expected
    assert torch.allclose(ratio, ratio[:1].expand(8), rtol=1e-4)


def test_taylor_of_a_filter_is_that_of_its_map() -> None:
    state = state_of(plain())
    kept: list[Tensor] = []
    handle = state.module[3].register_forward_hook(lambda *a: kept.append(a[2]))
    loss = nn.functional.cross_entropy(state.module(state.data.x_train), state.data.y_train)
    (gradient,) = torch.autograd.grad(loss, kept)
    handle.remove()
    expected = (kept[0] * gradient).sum((0, 2, 3)).abs() / (6 * 9)
    assert torch.allclose(worth("taylor", state), expected, rtol=1e-3, atol=1e-8)


def test_obd_takes_the_squared_gradients_of_single_images() -> None:
    state = state_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 10)), (4,))
    layer, x = state.module[1], state.data.x_train.numpy()
    logits = x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    wrong = p - np.eye(10)[state.data.y_train.numpy()]
    h = (wrong[:, :, None] ** 2 * x[:, None] ** 2).mean(0)
    expected = 0.5 * h * layer.weight.detach().numpy() ** 2
    assert np.allclose(worth("obd", state, "element").numpy(), expected.ravel(), rtol=1e-3)


def test_obs_tells_what_outputs_lose_when_the_others_make_good() -> None:
    state = state_of(nn.Sequential(nn.Flatten(), nn.Linear(6, 10)), (6,))
    x = state.data.x_train.numpy().astype(np.float64)
    w = state.module[1].weight.detach().numpy().astype(np.float64)
    expected = np.zeros_like(w)
    for row, place in np.ndindex(*w.shape):
        others = np.delete(x, place, 1)
        _, residual, *_ = np.linalg.lstsq(others, x @ w[row], rcond=None)
        expected[row, place] = residual[0] / (2 * len(x))
    assert np.allclose(worth("obs", state, "element").numpy(), expected.ravel(), rtol=1e-2)


def test_hessian_is_exact_where_weights_do_not_meet() -> None:
    state = state_of(nn.Sequential(nn.Flatten(), nn.Linear(1, 10)), (1,))
    layer, data = state.module[1], state.data

    def loss(w: Tensor) -> Tensor:
        return Training(loss="squared_hinge").objective(
            lambda x: x @ w[:, None].T + layer.bias.detach(), data.x_train, data.y_train
        )

    w = layer.weight.detach().flatten()
    h = torch.autograd.functional.hessian(loss, w).diagonal()
    assert torch.allclose(
        worth("hessian", state, "element", loss="squared_hinge"), 0.5 * h * w**2, rtol=1e-4
    )


def test_activation_counts_what_a_rectifier_lets_pass() -> None:
    state = state_of(plain())
    with torch.no_grad():
        maps = state.module[:6](state.data.x_train)
    assert torch.allclose(worth("activation", state), (maps > 0).float().mean((0, 2, 3)))


def test_lamp_divides_by_what_is_not_smaller() -> None:
    assert torch.allclose(
        criteria.lamp(torch.tensor([4.0, 1.0, 9.0])), torch.tensor([4 / 13, 1 / 14, 1.0])
    )


@pytest.mark.parametrize(
    ("shape", "axes"), [("vector", (3,)), ("kernel", (2, 3)), ("filter", (1, 2, 3))]
)
def test_units_go_whole(shape: str, axes: tuple[int, ...]) -> None:
    state = state_of(plain())
    applied("prune", state, shape=shape, ratio={"3": 0.5})
    mask = state.masks["3"].float().mean(axes)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert mask.mean() == 0.5
    assert not state.module[3].weight.detach()[~state.masks["3"]].any()
    assert set(state.masks) == {"3"}


def test_groups_are_inputs_side_by_side() -> None:
    state = state_of(plain())
    before = state.module[3].weight.detach().clone()
    applied("prune", state, shape="group", group=3, ratio={"3": 0.25})
    mask = state.masks["3"].unflatten(1, (2, 3))
    assert (mask.all(2) | ~mask.any(2)).all()
    assert int(mask.sum()) == mask.numel() * 3 // 4
    size = before.abs().unflatten(1, (2, 3)).sum(2)
    assert size[~mask.all(2)].max() <= size[mask.all(2)].min()


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 4), (3, 8)])
def test_n_of_m_is_exact(n: int, m: int) -> None:
    state = state_of(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))
    before = state.module[1].weight.detach().clone()
    applied("prune", state, shape=f"{n}:{m}")
    blocks, size = state.masks["1"].unflatten(1, (-1, m)), before.abs().unflatten(1, (-1, m))
    assert (blocks.sum(2) == n).all()
    least = size.masked_fill(~blocks, torch.inf).amin(2)
    assert (least >= size.masked_fill(blocks, 0).amax(2)).all()


def test_a_block_that_is_cut_short_keeps_its_best() -> None:
    mask = n_of_m_mask(torch.tensor([[1.0, 4, 3, 2, 6, 5]]).view(1, 6, 1, 1), 1, 4)
    assert mask.flatten().tolist() == [False, True, False, False, True, False]


def test_a_network_s_ratio_is_of_all_weights_and_leaves_a_unit_of_each_layer() -> None:
    state = state_of(plain())
    with torch.no_grad():
        state.module[0].weight.mul_(1e-6)
    applied("prune", state, ratio=0.6, scope="network")
    kept = {name: int(m.sum()) for name, m in state.masks.items()}
    count = sum(m.numel() for m in state.masks.values())
    assert kept["0"] == 1
    assert abs(sum(kept.values()) - 0.4 * count) <= 1


def test_what_is_pruned_stays_so_and_counts() -> None:
    state = state_of(plain())
    applied("prune", state, ratio=0.5)
    first = dict(state.masks)
    applied("prune", state, ratio=0.75, criterion="random")
    for name, mask in state.masks.items():
        assert not (mask & ~first[name]).any()
        assert abs(float(mask.float().mean()) - 0.25) < 0.02


class Depthwise(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, padding=1, groups=6),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 8, 1, groups=2),
            nn.ReLU(),
            nn.Conv2d(8, 4, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 10),
        )


@pytest.mark.parametrize("make", [plain, Net, Depthwise])
def test_a_narrow_network_gives_what_one_with_zeros_gives(make: type[nn.Module]) -> None:
    state = state_of(with_norms(make()))
    wide, x = copy.deepcopy(state.module), state.data.x_train
    choices = applied("prune", state, shape="channel", ratio=0.4, criterion="l1")
    removed = choices["removed"]
    assert isinstance(removed, dict)
    graph = Dependencies(wide, state.example)
    count = 0
    for group in list(graph.groups()):
        gone = set(removed.get(group.root, ()))
        count += len(gone)
        for member in group.outputs:
            index = [k for k, c in zip(member.index, member.root, strict=True) if c in gone]
            layer, norm = wide.get_submodule(member.layer), graph.norm_behind(member.layer)
            for part in (layer, norm):
                for p in part.parameters() if part is not None else ():
                    p.data[index] = 0
    assert count > 4
    assert torch.allclose(state.module(x), wide(x), atol=1e-5)
    assert state.module(x).shape == (40, 10)


def test_a_resumed_step_has_the_same_network() -> None:
    state = state_of(with_norms(Net()))
    start = copy.deepcopy(state.module)
    choices = applied("prune", state, shape="channel", ratio=0.5, criterion="fpgm")
    again = step_of("prune", shape="channel", ratio=0.5).reshape(start, choices, state.example)
    again.load_state_dict(state.module.state_dict())
    assert torch.equal(again(state.example), state.module(state.example))


def test_channels_come_in_multiples() -> None:
    state = state_of(plain())
    applied("prune", state, shape="channel", ratio=0.6, multiple=4)
    assert (state.module[0].out_channels, state.module[3].out_channels) == (4, 4)


def test_masks_follow_channels_that_go() -> None:
    state = state_of(plain())
    applied("prune", state, ratio=0.5)
    applied("prune", state, shape="channel", ratio=0.5)
    for name, mask in state.masks.items():
        weight = state.module.get_submodule(name).weight
        assert torch.equal(mask, weight != 0)


@pytest.mark.parametrize("weights", ["int4", "binary", "codebook8", "ttq", "lsq4", "shift_ps4"])
def test_quantizers_follow_channels_that_go(weights: str) -> None:
    row = Quantizers(weights=weights, acts=4, scale="channel")
    state = state_of(quantized(with_norms(Net()), QuantizerTable({"*": row})))
    state.module(state.data.x_train)
    applied("prune", state, shape="filter", ratio={"blocks.1.conv1": 0.25})
    graph, x = state.module, state.example
    stem = graph.get_submodule("stem")
    before = stem.quant_weight().value
    remove(graph, {"stem": [1], "blocks.1.conv1": [0, 2]}, x)
    state.follow()
    assert stem.weight.shape[0] == 3
    if weights != "codebook8":  # whose scale is the largest of all its weights
        assert torch.equal(stem.quant_weight().value, before[[0, 2, 3]])
    assert (graph.get_submodule("blocks.1.conv1").quant_weight().value == 0).sum() > 0
    graph(x).sum().backward()
    assert stem.bias.grad is not None


def test_binary_weights_have_zeros_where_they_are_pruned() -> None:
    row = Quantizers(weights="binary", acts=2)
    state = state_of(quantized(with_norms(Net()), QuantizerTable({"*": row})))
    start = copy.deepcopy(state.module)
    step = step_of("prune", ratio=0.5)
    choices = applied("prune", state, ratio=0.5, epochs=1)
    again = step.reshape(start, choices, state.example)
    load_state(again, state.module.state_dict())
    for module in (state.module, again):
        values = module.get_submodule("head").quant_weight().value
        assert torch.equal(values != 0, state.masks["head"])


def test_blocks_keep_their_sum() -> None:
    """Both sides of a sum lose the same channels."""
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        ResidualBlock(4, 4),
        ResidualBlock(4, 6, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )
    state = state_of(with_norms(net))
    applied("prune", state, shape="channel", ratio=0.5, criterion="taylor")
    assert state.module[0].out_channels == state.module[1].body[3].out_channels == 2
    assert state.module[2].body[3].out_channels == state.module[2].shortcut[0].out_channels == 3
