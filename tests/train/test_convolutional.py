"""Convolutional recipes: trained for an epoch, exported, imported, they decide as torch does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from bitrill.errors import MismatchError
from bitrill.flow.data import samples
from bitrill.lowering import to_folded
from bitrill.ops import Add, Concat, Depthwise, MatVec, MaxPool, SumPool, Upsample, Window
from bitrill.train import Options, datasets, recipe_networks, train
from bitrill.train.evaluation import decisions, noisy
from bitrill.train.onnx_execution import QonnxNetwork
from bitrill.train.training_loop import squared_hinge
from torch import Tensor, nn
from train.whole_networks import agree

CNV = [("binary", 1), pytest.param("binary", 2, marks=pytest.mark.nightly), ("ternary", 2)]
OTHERS = [
    pytest.param("lenet", {Window, MaxPool, MatVec}, id="lenet"),
    pytest.param("mobilenet", {Depthwise, SumPool}, id="mobilenet", marks=pytest.mark.nightly),
    pytest.param("resnet8", {Add, Window, SumPool}, id="resnet8"),
    pytest.param("dilated1d", {Window, SumPool}, id="dilated1d", marks=pytest.mark.nightly),
    pytest.param(
        "unet-tiny", {Concat, Upsample, MaxPool}, id="unet-tiny", marks=pytest.mark.nightly
    ),
]


TEST_IMAGES = 120


def held_out(options: Options) -> Tensor:
    """Images of the test split in the form that the training loop gives to the network."""
    x = torch.from_numpy(datasets.load(options.dataset, "test")[0])
    if options.segments:
        return noisy(x, 2)[0]
    return x.flatten(2) if options.sequential else x


def check(recipe: str, kinds: set[type], least: float, folder: Path, **given: object) -> None:
    """Train for an epoch, then compare torch, qonnx and the golden model on test images.

    They must decide alike except where a number lies at a boundary.
    """
    result = train(recipe, epochs=1, out=folder, **given)  # pyright: ignore[reportArgumentType]
    assert result.accuracy > least
    assert "decisions differ" in result.metrics["export"]["notes"][0]
    x = held_out(result.options)[:TEST_IMAGES]
    graph, found = agree(result.module, x, folder / "model.onnx")
    assert found.values > 0
    assert kinds <= {type(n) for n in graph}
    taken = samples(graph, "digits", 5, 0)
    assert taken.x.shape == (5, *graph.source.shape)
    assert (taken.labels is None) is result.options.segments  # a pixel is no digit
    folded = to_folded(graph).run_floats(x.numpy()[:5])
    assert np.array_equal(folded, graph.run_floats(x.numpy()[:5]))


@pytest.mark.parametrize(("weights", "acts"), CNV)
def test_cnv_at_few_bits(weights: str, acts: int, tmp_path: Path):
    check("cnv", {Window, MatVec, MaxPool}, 0.3, tmp_path, weights=weights, acts=acts)


@pytest.mark.parametrize(("recipe", "kinds"), OTHERS)
def test_other_topologies(recipe: str, kinds: set[type], tmp_path: Path):
    check(recipe, kinds, 0.5, tmp_path)


def shapes(recipe: str, dataset: str) -> list[tuple[int, ...]]:
    """Return the shapes of the weights, in order."""
    network = recipe_networks.build(Options(recipe=recipe, dataset=dataset))
    return [
        tuple(q.weight.shape)
        for _, q in recipe_networks.brevitas_quantizers.quantized_layers(network)
    ]


def test_the_full_topologies():
    lenet = [(6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)]
    assert shapes("lenet", "mnist") == lenet
    cnv = shapes("cnv", "mnist")
    assert [s[0] for s in cnv] == [64, 64, 128, 128, 256, 512, 512, 10]
    assert cnv[5] == (512, 256 * 2 * 2)
    assert [s[0] for s in shapes("resnet8", "mnist")] == [16, 16, 16, 32, 32, 32, 64, 64, 64, 10]
    mobile = [s[0] for s in shapes("mobilenet", "mnist")]
    assert mobile[0] == 8
    assert mobile[2:-1:2] == [16, 32, 32, 64, 64, *[128] * 6, 256, 256]
    assert len(shapes("dilated1d", "mnist")) == 9 + 1


@pytest.mark.parametrize("recipe", ["lenet", "cnv", "resnet8", "mobilenet", "dilated1d"])
def test_colours_go_into_the_first_layer(recipe: str):
    options = Options(recipe=recipe, dataset="cifar10")
    assert shapes(recipe, "cifar10")[0][1] == 3
    network = recipe_networks.build(options).eval()
    x = torch.zeros(2, 3, 1024) if options.sequential else torch.zeros(2, 3, 32, 32)
    assert network(x).shape == (2, 10)


def test_the_small_ones_leave_out_what_does_not_fit():
    lenet = [(6, 1, 5, 5), (16, 6, 5, 5), (120, 64), (84, 120), (10, 84)]
    assert shapes("lenet", "digits") == lenet
    assert [s[0] for s in shapes("cnv", "digits")] == [16, 16, 128, 128, 10]
    assert [s[0] for s in shapes("mobilenet", "digits")][2:-1:2] == [16, 32, 32, 64, 64]
    assert len(shapes("dilated1d", "digits")) == 5 + 1


@pytest.mark.parametrize("recipe", ["resnet8", "unet-tiny"])
def test_outputs_have_their_shapes(recipe: str):
    network = recipe_networks.build(Options(recipe=recipe)).eval()
    want = (2, 1, 8, 8) if recipe == "unet-tiny" else (2, 10)
    assert network(torch.zeros(2, 1, 8, 8)).shape == want


def test_noise_is_the_same_each_time_and_ink_is_of_the_clean_image():
    x = torch.tensor([[[[0.0, 0.5], [0.5625, 1.0]]]]).repeat(9, 1, 1, 1)
    first, ink = noisy(x, 1)
    assert torch.equal(first, noisy(x, 1)[0])
    assert not torch.equal(first, noisy(x, 2)[0])
    assert (first >= 0).all()
    assert (first <= 1).all()
    assert ink[0].flatten().tolist() == [0, 0, 1, 1]


def test_pixels_are_decided_at_zero_and_each_has_a_target():
    y = torch.tensor([[[[-0.5, 0.0, 0.25, 1.5]]]])
    assert decisions(nn.Identity(), y).tolist() == [[[[0, 0, 1, 1]]]]
    labels = torch.tensor([[[[0, 1, 1, 1]]]])
    assert squared_hinge(y, labels).item() == (0.25 + 1 + 0.5625 + 0) / 4


def test_a_lost_shortcut_is_caught(tmp_path: Path):
    from bitrill.train import export
    from bitrill.train.convolutional import Residual
    from train.brevitas_modules import images, settled

    class Lost(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return -x if torch.onnx.is_in_onnx_export() else x

    network = recipe_networks.build(Options(recipe="resnet8", width=2))
    block = next(m for m in network.modules() if isinstance(m, Residual))
    block.shortcut = nn.Sequential(Lost())
    with pytest.raises(MismatchError, match=r"differ at .* and not for rounding"):
        export(settled(network, (1, 8, 8)), images(4), tmp_path / "m.onnx")


def test_elements_behind_a_repetition_are_exact():
    network = recipe_networks.build(Options(recipe="unet-tiny", width=2)).eval()
    from bitrill.train.frozen import freeze_weights
    from bitrill.train.qonnx_export import to_onnx

    image = torch.zeros(1, 1, 8, 8)
    file = QonnxNetwork(to_onnx(freeze_weights(network, image), image, dynamo=False))
    node = next(n for n in file.nodes if n.op_type in ("Resize", "Upsample"))
    x = np.random.default_rng(0).random((1, 1, 8, 8), np.float32)
    trace = file.run(x)
    y = trace.arrays[node.output[0]]
    scalars = file.scalars(trace)
    for index in [(0, 0, 0, 0), (0, 1, 1, 2), (0, 0, y.shape[2] - 1, y.shape[3] - 1)]:
        assert scalars(node.output[0], index).may_be(float(y[index]))
