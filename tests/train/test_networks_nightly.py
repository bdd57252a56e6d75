"""The recipes' full topologies, from torch to RTL, and LeNet over all of MNIST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bitrill import flow
from bitrill.timing.fifo_depths import fifo_bits
from bitrill.train import Options, export, train
from support import shared_data
from train.whole_networks import agree, compiled, drawn, simulated

CIFAR = {"dataset": "cifar10"}
NETWORKS: dict[str, tuple[dict[str, Any], int]] = {
    "cnv_w1a1": ({"recipe": "cnv", **CIFAR}, 32_768),
    "cnv_w1a2": ({"recipe": "cnv", "acts": 2, **CIFAR}, 32_768),
    "cnv_w2a2": ({"recipe": "cnv", "weights": "ternary", "acts": 2, **CIFAR}, 32_768),
    "resnet8": ({"recipe": "resnet8", **CIFAR}, 65_536),
    "mobilenet": ({"recipe": "mobilenet", **CIFAR}, 16_384),
    "unet-tiny": ({"recipe": "unet-tiny", "dataset": "mnist"}, 28_224),
    "dilated1d": ({"recipe": "dilated1d", "dataset": "mnist"}, 50_176),
}
"""Options, and cycles a frame to fold for."""


@pytest.mark.nightly
@pytest.mark.parametrize("name", NETWORKS)
def test_the_full_topology_is_exact_from_torch_to_rtl(name: str, tmp_path: Path):
    given, interval = NETWORKS[name]
    network, x = drawn(Options(**given))
    export(network, x[:2], tmp_path / "model.onnx")
    _, found = agree(network, x, tmp_path / "model.onnx")
    print(f"\n{name}: {found}")
    hardware = compiled(tmp_path / "model.onnx", tmp_path / "build", interval)
    print(
        f"{name}: {hardware.build.predicted}, {hardware.luts:,} LUTs,"
        f" {fifo_bits(hardware.build.graph):,} bits of FIFOs, compiled in {hardware.seconds:.1f} s"
    )
    for stall in (0.0, 0.3):
        report = simulated(hardware, x, stall)
        print(f"{name}, stall {stall}: {report.samples} frames")


@pytest.mark.nightly
def test_lenet_reaches_98_5_percent_of_mnist_and_its_rtl_takes_every_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BITRILL_DATA", str(shared_data()))
    result = train("lenet", dataset="mnist", epochs=5, out=tmp_path)
    print(f"\nlenet: {100 * result.accuracy:.2f} %")
    assert result.options.name == "lenet_w4a4_mnist"
    assert result.accuracy >= 0.985
    done = flow.compile(tmp_path / "model.onnx", out=tmp_path / "build", fps=62_500)
    print(f"lenet: {done.build.predicted}, {fifo_bits(done.build.graph):,} bits of FIFOs")
    for stall in (0.0, 0.3):
        report = flow.verify(done.build, data="mnist", samples=10_000, stall=stall, seed=3)
        print(f"lenet, stall {stall}: {report}")
        assert (report.samples, report.mismatches) == (10_000, 0)
        assert report.measured == report.predicted
        assert report.cycles_exact
        assert report.accuracy >= 0.985
