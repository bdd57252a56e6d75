"""Each topology is traced, quantized, exported as torch computes it, and folded by Bitrill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bitrill.compress import graph_tracing, topologies
from bitrill.compress.module_training import seeded
from bitrill.compress.quantizers.insertion import quantized
from bitrill.compress.quantizers.quantizer_table import INPUT, PatternSettings, QuantizerTable
from bitrill.compress.recipe import Hardware
from bitrill.compress.topologies.concatenated import Shift
from bitrill.compress.topologies.mobile import Shuffled
from bitrill.flow.compressing import predicted_figures
from bitrill.train import qonnx_export
from brevitas.graph.calibrate import calibration_mode
from torch import nn
from torch.nn import functional

SMALL = {
    "mlp": 8,
    "kws_mlp": 8,
    "intrusion_mlp": 8,
    "autoencoder": 9,
    "lenet5": 2,
    "lenet": 3,
    "vgg_small": 2,
    "cnv": 2,
    "tiny_yolo": 2,
    "resnet8": 2,
    "resnet20": 2,
    "ds_cnn": 4,
    "mobilenet_v1": 2,
    "mobilenet_v2": 2,
    "mobilenet_v3": 2,
    "mobilenet_v3_se": 2,
    "shufflenet": 8,
    "squeezenet": 4,
    "densenet": 2,
    "shiftnet": 9,
    "bireal": 2,
    "meliusnet": 2,
}
"""Widths at which a topology has every kind of its layers."""

QUICK = ("tiny_yolo",)
"""Topologies whose hardware every run of the tests predicts."""


def made(name: str, shape: tuple[int, ...] = (1, 8, 8), classes: int = 10) -> nn.Module:
    """A small network whose batch norms have seen something."""
    module = topologies.make(name, shape, classes, SMALL[name])
    with torch.no_grad():
        for _ in range(3):
            module(torch.rand(16, *shape))
    return module.eval()


def exported(name: str, path: Path) -> str:
    """Quantize, calibrate and export a topology; returns what was said of its import."""
    one_bit = name in ("bireal", "meliusnet")
    row = (
        PatternSettings(weights="binary", acts=1)
        if one_bit
        else PatternSettings(weights="int4", acts=4)
    )
    with seeded(0):
        x = torch.rand(16, 1, 8, 8)
        graph = quantized(
            made(name), QuantizerTable({"*": row, INPUT: PatternSettings(acts=8)})
        ).eval()
        with torch.no_grad(), calibration_mode(graph):
            graph(x)
        return qonnx_export.export(graph, x, path).notes[0]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.nightly) for name in SMALL],
)
def test_it_becomes_hardware(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    said = exported(name, path)
    assert said == "golden model compared: 0 differences at boundaries, 0 decisions differ"
    assert predicted_figures(path, Hardware(fps=1000)).lcs > 0


def test_every_topology_is_tested_and_gives_its_classes() -> None:
    assert set(topologies.TOPOLOGIES) == set(SMALL)
    for name in SMALL:
        with torch.no_grad():
            outputs = made(name)(torch.rand(2, 1, 8, 8))
        assert outputs.shape == (2, 64 if name == "autoencoder" else 10), name


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("lenet", (1, 28, 28), 10),
        ("cnv", (3, 32, 32), 10),
        ("tiny_yolo", (1, 24, 24), 90),
        ("ds_cnn", (1, 49, 10), 12),
        ("kws_mlp", (490,), 12),
        ("intrusion_mlp", (593,), 2),
    ],
)
def test_at_the_sizes_of_their_papers(name: str, shape: tuple[int, ...], classes: int) -> None:
    with torch.no_grad():
        assert made(name, shape, classes)(torch.rand(2, *shape)).shape == (2, classes)


@pytest.mark.parametrize("name", ["bireal", "meliusnet"])
def test_averages_in_one_bit_networks_have_the_bits_of_sums(name: str) -> None:
    table = QuantizerTable({"*": PatternSettings(weights="binary", acts=1, joins=4)})
    graph = quantized(made(name), table)
    averages = [
        node
        for node, module in graph_tracing.used_modules(graph)
        if isinstance(module, nn.AvgPool2d | nn.AdaptiveAvgPool2d)
    ]
    assert averages
    for node in averages:
        (reader,) = node.users
        quantizer: Any = graph.get_submodule(str(reader.target))
        assert int(quantizer.act_quant.bit_width()) == 4


def test_a_shift_moves_each_ninth_by_one_pixel() -> None:
    x = np.random.default_rng(0).normal(size=(2, 10, 4, 5))
    moved = Shift(10)(torch.from_numpy(x)).numpy()
    padded, groups = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)]), np.array_split(range(10), 9)
    assert sorted(map(len, groups)) == [1] * 8 + [2]
    bounds = [k * 10 // 9 for k in range(10)]
    for k, (dy, dx) in enumerate((dy, dx) for dy in range(3) for dx in range(3)):
        own = slice(bounds[k], bounds[k + 1])
        np.testing.assert_array_equal(moved[:, own], padded[:, own, dy : dy + 4, dx : dx + 5])


def test_the_shuffle_is_torch_s() -> None:
    x = torch.rand(1, 6, 2, 2)
    order = Shuffled(24, 24, 1, 2).order
    assert torch.equal(x[:, order], functional.channel_shuffle(x, 2))
