"""The step share: codebooks, buckets, product quantization; and the bits that are counted."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from bitrill import flow
from bitrill.compress import measures
from bitrill.compress.coded_size import coded_bits, huffman_bits
from bitrill.compress.steps.share import buckets, clusters, frequency_buckets, initial_values
from bitrill.errors import SpecError
from compress.states import applied, plain, state_of, step_of
from scipy.fft import dctn
from sklearn.cluster import KMeans
from torch import nn


def net() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


def values(module: nn.Module, name: str = "1") -> torch.Tensor:
    return module.get_submodule(name).weight.detach()


@pytest.mark.parametrize("initial", ["linear", "density", "random"])
def test_weights_are_the_means_of_nearest_clusters(initial: str) -> None:
    state = state_of(net())
    before = values(state.module).clone()
    applied("share", state, entries=8, initial=initial)
    after = values(state.module)
    centres = after.unique()
    assert len(centres) == 8
    for centre in centres:
        assert before[after == centre].mean() == pytest.approx(float(centre), abs=1e-6)
    nearest = (before[..., None] - centres).abs().argmin(-1)
    assert float((centres[nearest] == after).float().mean()) > 0.99


def test_clusters_of_values_lose_no_more_than_the_best_of_many_starts() -> None:
    points = np.random.default_rng(0).normal(size=(400, 1))
    start = initial_values(points[:, 0], 6, "density")
    labels = clusters(points, start[:, None])
    loss = sum(((points[labels == k] - points[labels == k].mean()) ** 2).sum() for k in range(6))
    best = KMeans(6, n_init=20, random_state=0).fit(points).inertia_
    assert loss <= 1.05 * best


def test_starts_of_clusters() -> None:
    v = np.array([0.0, 0, 0, 0, 1, 2, 3, 10])
    assert initial_values(v, 3, "linear").tolist() == [0, 5, 10]
    assert initial_values(v, 2, "density").tolist() == [0, 2.25]
    assert set(initial_values(v, 3, "random")) <= set(v)
    assert initial_values(v, 5, "linear").tolist() == [0, 1, 2, 3, 10], "as many as there are"


def test_a_number_moves_by_the_sum_of_its_gradients() -> None:
    state = state_of(net(), n=20)
    applied("share", state, entries=4)
    index, before = state.shared["1"], values(state.module).clone()
    state.module.train()
    x, y = state.data.x_train, state.data.y_train
    nn.functional.cross_entropy(state.module(x), y).backward()
    gradient = state.module[1].weight.grad
    assert gradient is not None
    applied("train", state, epochs=1, optimizer="sgd", momentum=0, learning_rate=0.01)
    for k in range(4):
        moved = before[index == k] - 0.01 * gradient[index == k].sum()
        assert torch.allclose(values(state.module)[index == k], moved, atol=1e-6)


def test_zeros_of_a_mask_stay_and_are_not_shared() -> None:
    state = state_of(net(), n=200)
    applied("prune", state, ratio=0.7)
    applied("share", state, entries=4, epochs=2, learning_rate=0.01)
    after = values(state.module)
    assert torch.equal(after != 0, state.masks["1"])
    assert len(after.unique()) == 5
    applied("train", state, epochs=1)
    assert len(values(state.module).unique()) == 5


def test_pruning_what_is_shared_keeps_both() -> None:
    state = state_of(net(), n=200)
    applied("share", state, entries=4)
    applied("prune", state, ratio=0.5, schedule="cubic", criterion="random", epochs=2)
    after = values(state.module)
    assert float((after != 0).float().mean()) == 0.5
    assert torch.equal(after != 0, state.masks["1"])
    assert len(after.unique()) == 5


def test_what_is_shared_stays_so_through_quantizers_and_channels() -> None:
    state = state_of(net(), n=200)
    applied("share", state, entries=4)
    applied("quantize", state, layers={"*": {"weights": "int8"}}, epochs=1)
    assert len(state.module.get_submodule("1").quant_weight().value.unique()) == 4
    state = state_of(net(), n=200)
    applied("share", state, entries=4)
    applied("prune", state, shape="channel", ratio=0.5, epochs=1)
    assert values(state.module).shape == (8, 64)
    assert len(values(state.module).unique()) == 4


def test_buckets_are_a_hash_of_place_and_seed() -> None:
    state = state_of(net())
    before = values(state.module).flatten().clone()
    applied("share", state, how="hash", entries=16, seed=9)
    places = np.arange(1024, dtype=np.uint64)
    bucket = buckets(places, 16, 9)
    after = values(state.module).flatten().numpy()
    for k in range(16):
        members = np.flatnonzero(bucket == k)
        assert (after[members] == float(before[members[0]])).all()
    counts = np.bincount(bucket, minlength=16)
    assert counts.min() > 32
    assert counts.max() < 96
    assert (bucket != buckets(places, 16, 10)).mean() > 0.9
    # the first two numbers of the published SplitMix64 from the state 0
    first = [0xE220A8397B1DCDAF % (1 << 16), 0x6E789E6AA1B965F4 % (1 << 16)]
    assert buckets(places[:2], 1 << 16, 0).tolist() == first


def test_product_quantization_has_few_vectors_in_each_place() -> None:
    state = state_of(net())
    before = values(state.module).clone()
    applied("share", state, how="pq", entries=4, size=8, epochs=0)
    after = values(state.module).unflatten(1, (8, 8))
    for k in range(8):
        rows = after[:, k].unique(dim=0)
        assert len(rows) == 4
        for row in rows:
            members = (after[:, k] == row).all(1)
            assert torch.allclose(before.unflatten(1, (8, 8))[members, k].mean(0), row, atol=1e-6)
    assert state.notes[0].startswith("indices and numbers take ")
    applied("train", state, epochs=1)
    assert len(values(state.module).unflatten(1, (8, 8))[:, 3].unique(dim=0)) == 4


def convolutions() -> nn.Sequential:
    return nn.Sequential(plain()[0], nn.ReLU(), plain()[3], nn.Flatten(), nn.Linear(128, 10))


def frequencies(module: nn.Module, name: str) -> np.ndarray:
    return dctn(values(module, name).double().numpy(), axes=(-2, -1), norm="ortho")


def test_coefficients_of_kernels_are_few_numbers_in_bands() -> None:
    state = state_of(convolutions())
    applied("share", state, how="fresh", entries={"2": 20}, epochs=1)
    index = frequency_buckets((8, 6, 3, 3), 20, 0)
    assert torch.equal(state.spectra["2"], index)
    found = frequencies(state.module, "2")
    band = np.add.outer(np.arange(3), np.arange(3))
    for k in range(20):
        members = found[index.numpy() == k]
        assert np.ptp(members) < 1e-5
        assert len({int(b) for b in np.unique(np.broadcast_to(band, index.shape)[index == k])}) == 1
    counts = [len(index.numpy()[..., band == k].ravel().tolist()) for k in range(5)]
    used = [len(np.unique(index.numpy()[..., band == k])) for k in range(5)]
    assert sum(used) <= 20
    assert used[0] / counts[0] > used[1] / counts[1] > used[2] / counts[2]
    assert "indices and numbers take 640 bits" in state.notes[0]


def test_a_coefficient_moves_by_the_sum_of_its_gradients() -> None:
    state = state_of(convolutions(), n=20)
    applied("share", state, how="fresh", entries={"2": 5})
    index, before = state.spectra["2"].numpy(), frequencies(state.module, "2")
    state.module.train()
    x, y = state.data.x_train, state.data.y_train
    nn.functional.cross_entropy(state.module(x), y).backward()
    gradient = state.module[2].weight.grad
    assert gradient is not None
    slope = dctn(gradient.double().numpy(), axes=(-2, -1), norm="ortho")
    applied("train", state, epochs=1, optimizer="sgd", momentum=0, learning_rate=0.01)
    after = frequencies(state.module, "2")
    for k in range(5):
        moved = before[index == k] - 0.01 * slope[index == k].sum()
        np.testing.assert_allclose(after[index == k], moved, atol=1e-5)


def test_frequencies_are_no_longer_shared_where_weights_are_removed() -> None:
    state = state_of(convolutions(), n=20)
    applied("share", state, how="fresh", entries={"0": 9, "2": 9})
    applied("prune", state, shape="channel", ratio={"0": 0.5}, epochs=1)
    assert "0" not in state.spectra
    assert "2" not in state.spectra
    assert values(state.module, "0").shape[0] == 3


def test_layers_by_pattern() -> None:
    state = state_of(net())
    applied("share", state, entries={"3": 2})
    assert len(values(state.module).unique()) == 1024
    assert len(values(state.module, "3").unique()) == 2


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"entries": {"fc": 4}}, "entries: 'fc' matches no layer .layers: 1, 3"),
        ({"how": "fresh", "entries": 9}, "1 is a Linear without kernels; 3 is a Linear without"),
        ({"how": "pq", "size": 5}, "size must divide the weights of a row, not 5: 64 of 1, 16"),
    ],
)
def test_what_cannot_be_shared_is_named(keys: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        applied("share", state_of(net()), **keys)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"entries": 1}, "entries must be from 2 to 65536, not 1"),
        ({"how": "means"}, "how must be one of kmeans, hash, pq, fresh, not 'means'"),
        ({"initial": "linar"}, "initial must be one of .*; did you mean 'linear'"),
    ],
)
def test_keys_are_checked(keys: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        step_of("share", **keys)


@pytest.mark.parametrize("seed", range(4))
def test_huffman_bits_lie_at_the_entropy(seed: int) -> None:
    counts = np.random.default_rng(seed).geometric(0.02, 20)
    p = counts / counts.sum()
    entropy = -(p * np.log2(p)).sum() * counts.sum()
    assert entropy <= huffman_bits(counts) <= entropy + counts.sum()


def test_huffman_bits_by_hand() -> None:
    assert huffman_bits([5, 9, 12, 13, 16, 45]) == 224, "Cormen et al., figure 16.3"
    assert huffman_bits([7]) == 7
    assert huffman_bits([]) == 0
    assert huffman_bits([8] * 8) == 3 * 64


def test_coded_bits_by_hand() -> None:
    # 96 zeros and 4 of two values: dense, a bit for zero and two for others; 3 entries of 40 bits
    v = np.zeros(100)
    v[[3, 30, 60, 99]] = [1, -1, 1, -1]
    dense = 96 + 2 * 4 + 3 * 40
    # numbers of zeros 3, 26, 29, 38: six bits each have four symbols; an index has a bit
    sparse = 4 * 2 + 4 * 8 + 4 * 1 + 3 * 40
    assert coded_bits(v, 32) == min(dense, sparse)


def test_numbers_of_zeros_that_are_too_long_have_fillers() -> None:
    v = np.zeros(1 << 12)
    v[-1] = 1.0
    # 4,095 zeros: 15 fillers of 255 zeros and themselves, then 255
    assert coded_bits(v, 32) <= 16 + 16 + 2 * 40 + 2 * 8
    assert coded_bits(v, 32) > 2 * 40


def test_sparse_floats_are_counted_whole() -> None:
    v = np.zeros(1000)
    v[::10] = np.random.default_rng(1).normal(size=100)
    assert 100 * 32 < coded_bits(v, 32) < 100 * 42
    w = np.random.default_rng(1).normal(size=100)
    assert coded_bits(w, 32) == 3200


def test_figures_tell_coded_bits_where_they_are_a_gain() -> None:
    module = net()
    assert measures.size(module).coded_bits is None
    state = state_of(module)
    applied("share", state, entries=4)
    coded = measures.size(module).coded_bits
    assert coded is not None
    assert coded < 1184 * 2 + 2 * 4 * 40 + 1184 * 0.5
    assert math.isclose(measures.size(module).weight_bits, 32 * 1184)


def test_a_chain_resumes_with_what_is_shared(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        """
        [data]
        name = "digits"
        limit = 200
        [model]
        recipe = "mlp"
        width = 8
        [hardware]
        fps = 2000
        [training]
        batch = 20
        [[step]]
        kind = "share"
        entries = 4
        [[step]]
        kind = "train"
        """
    )
    first = flow.compress(recipe, out=tmp_path / "out")
    (tmp_path / "out" / "step-2.pt").unlink()
    again = flow.compress(recipe, out=tmp_path / "out")
    rows = [{**r.rows[1].__dict__, "seconds": 0} for r in (first, again)]
    assert rows[0] == rows[1]
    assert rows[0]["coded_bits"] is not None
    assert rows[0]["coded_bits"] < rows[0]["weight_bits"] / 8
