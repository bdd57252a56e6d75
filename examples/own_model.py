"""A network of one's own, from torch to Verilog: train, export, compile, and count what it gets.

    python examples/own_model.py [FOLDER]

Any torch module will do whose layers are Brevitas' and whose operators Bitrill knows; here a small
one with ternary weights and 2-bit activations reads handwritten digits. Leaves ``model.onnx`` and
a build folder in FOLDER, ``own_model`` unless given.
"""

from __future__ import annotations

import sys
from pathlib import Path

import brevitas.nn as qnn
import torch
from bitrill import flow
from bitrill.train import datasets, export
from bitrill.train.brevitas_quantizers import (
    IntActivation,
    TernaryWeight,
    clamp_weights,
    init_weights,
)
from torch import Tensor, nn

EPOCHS, BATCH = 20, 32


class DigitReader(nn.Module):
    """``[N, 1, 8, 8]`` in 0..1 to ``[N, 10]``: two layers, each with its quantizer in front."""

    def __init__(self, hidden: int = 48):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            qnn.QuantIdentity(act_quant=IntActivation, bit_width=2),
            qnn.QuantLinear(64, hidden, bias=False, weight_quant=TernaryWeight),
            nn.BatchNorm1d(hidden),
            qnn.QuantIdentity(act_quant=IntActivation, bit_width=2),
            qnn.QuantLinear(hidden, 10, bias=False, weight_quant=TernaryWeight),
            nn.BatchNorm1d(10),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(2 * x - 1)


def fit(network: nn.Module, x: Tensor, labels: Tensor) -> None:
    """Plain torch; only the clamp is special: weights beyond -1..1 would get no gradient."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for epoch in range(EPOCHS):
        network.train()
        for chosen in torch.randperm(len(x)).split(BATCH):
            loss = nn.functional.cross_entropy(network(x[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clamp_weights(network)
        schedule.step()
        if (epoch + 1) % 5 == 0:
            print(f"epoch {epoch + 1} of {EPOCHS}", file=sys.stderr)
    network.eval()


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "own_model")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = DigitReader()
    init_weights(network)
    fit(network, *map(torch.from_numpy, datasets.load("digits", "train")))

    x, labels = datasets.load("digits", "test")
    with torch.no_grad():
        by_torch = network(torch.from_numpy(x)).argmax(1).numpy()

    model = folder / "model.onnx"
    report = export(network, torch.from_numpy(x[:32]), model)  # fails if the file differs
    compiled = flow.compile(model, out=folder / "build")
    graph = compiled.build.graph
    by_golden = graph.sink.dequantize(graph.run(graph.source.quantize(x))).argmax(1)

    print(f"export: {report.samples} images compared, {len(report.differences)} differences")
    accuracy = [f"{(y == labels).mean():.4f}" for y in (by_torch, by_golden)]
    print(f"accuracy: torch {accuracy[0]}, golden model {accuracy[1]}")
    print(f"decisions that differ: {(by_torch != by_golden).sum()} of {len(x)}")
    print(f"cycles an image: {compiled.build.predicted.ii}; Verilog: {compiled.build.verilog}")


if __name__ == "__main__":
    main()
