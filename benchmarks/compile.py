"""Seconds and peak memory from a QONNX file to Verilog, each network in a process of its own.

    python benchmarks/compile.py [MODEL.onnx ...]

Without arguments: TFC, LFC, CNV, ResNet-8 and MobileNet-v1 (width 0.25), then families of one shape
and growing width, by which it is seen how both grow with the number of weights. The networks are
not trained: weights, and batch norms' statistics and slopes of both signs, are random.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bitrill.cli.show import table
from common import ROOT

NETWORKS = {
    "TFC": ("dense", 64),
    "LFC": ("dense", 1024),
    "CNV": ("cnv", 64),
    "ResNet-8": ("resnet8", 16),
    "MobileNet-v1": ("mobilenet", 8),
}
"""Recipe, and hidden neurons or channels of the first layer: those of the papers."""

FAMILIES = (("dense", (64, 128, 256, 512, 1024)), ("cnv", (16, 32, 64)))

_RATE = 100_000_000 // 32_768
"""Frames a second at 100 MHz of convolutional networks; dense ones take the default folding."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument(
        "--export", nargs=2, metavar=("RECIPE", "WIDTH"), help="write a random network and stop"
    )
    options = parser.parse_args()
    models = options.models
    if options.export:
        export(options.export[0], int(options.export[1]))
        return 0
    if models:
        print(table(HEAD, [row(model.name, measured(model, [])) for model in models]))
        return 0
    cases = NETWORKS.values()
    done = {case: measured(random_network(*case), flags(case[0])) for case in cases}
    print(table(HEAD, [row(name, done[case]) for name, case in NETWORKS.items()]), flush=True)
    for recipe, widths in FAMILIES:
        rows = [
            done.get((recipe, n)) or measured(random_network(recipe, n), flags(recipe))
            for n in widths
        ]
        print(f"\n{recipe} of {', '.join(map(str, widths))}")
        print(table(HEAD, [row(str(n), f) for n, f in zip(widths, rows, strict=True)]))
        cpu, mib = (slope(rows, key) for key in ("cpu", "mib"))
        print(f"a million weights more: {cpu:.1f} s of CPU, {mib:.0f} MiB", flush=True)
    return 0


HEAD = (
    "network",
    "weights",
    "nodes",
    "cycles a frame",
    "LUTs (model)",
    "seconds",
    "of CPU",
    "peak MiB",
)


def row(name: str, figures: dict[str, Any]) -> tuple[str, ...]:
    """A line of the table."""
    return (
        name,
        f"{figures['weights']:,}",
        str(figures["nodes"]),
        str(figures["ii"]),
        figures["luts"],
        f"{figures['seconds']:.1f}",
        f"{figures['cpu']:.1f}",
        f"{figures['mib']:.0f}",
    )


def flags(recipe: str) -> list[str]:
    """Return the options with which a recipe is compiled."""
    return [] if recipe == "dense" else ["--fps", str(_RATE), "--clock-mhz", "100"]


def measured(model: Path, flags: list[str]) -> dict[str, Any]:
    """Wall and CPU seconds, peak MiB and figures of one compilation."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "bitrill", "compile", str(model), "--out", out, "--json"]
        start = time.perf_counter()
        process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True)
        text = process.stdout.read() if process.stdout else ""
        # waited for by hand: this child's own memory, not that of the largest so far
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            sys.exit(f"{model}: {text}")
        value, (weights, luts) = json.loads(text), sizes(Path(out))
    cpu = usage.ru_utime + usage.ru_stime
    return {
        "seconds": seconds,
        "cpu": cpu,
        "mib": usage.ru_maxrss / 2**10,
        "nodes": value["nodes"],
        "ii": value["ii"],
        "weights": weights,
        "luts": f"{luts:,}",
    }


def sizes(build: Path) -> tuple[int, int]:
    """Weights of a build, and its LUTs by the resource model."""
    from bitrill.ir import serialisation
    from bitrill.resources.estimate import network_resources

    graph = serialisation.load(build)
    weights = sum(node.weights.size for node in graph.nodes if hasattr(node, "weights"))
    return weights, sum(r.lcs for r in network_resources(graph).values())


def slope(figures: Sequence[dict[str, Any]], key: str) -> float:
    """Least squares of ``key`` over the number of weights, in millions."""
    xs, ys = [f["weights"] / 1e6 for f in figures], [f[key] for f in figures]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum(
        (a - x) ** 2 for a in xs
    )


def random_network(recipe: str, width: int) -> Path:
    """A network of a recipe as QONNX, not trained; written once, to ``build/bench``, by a process
    of its own: what is measured is forked from this one, and has its memory until it runs."""
    path = network_path(recipe, width)
    if not path.is_file():
        subprocess.run([sys.executable, __file__, "--export", recipe, str(width)], check=True)
    return path


def network_path(recipe: str, width: int) -> Path:
    """Return the path of a random network."""
    return ROOT / "build" / "bench" / f"{recipe}_{width}.onnx"


def export(recipe: str, width: int) -> None:
    """Write a random network."""
    import torch
    from bitrill.storage import write_bytes
    from bitrill.train import Options, qonnx_export, recipe_networks
    from bitrill.train.frozen import freeze_weights

    torch.manual_seed(0)
    if recipe == "dense":
        network, shape = dense(width), (1, 28, 28)
    else:
        network = recipe_networks.build(Options(recipe=recipe, dataset="cifar10", width=width))
        shape = (3, 32, 32)
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 4)
            module.running_var.uniform_(20, 200)
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    example = torch.rand(1, *shape)
    network.eval()(example)
    frozen = freeze_weights(network, example)
    model = qonnx_export.to_onnx(frozen, example, dynamo=False)
    write_bytes(network_path(recipe, width), model.SerializeToString(deterministic=True))


def dense(width: int) -> Any:
    """784-H-H-H-10, all of one bit, as the recipes `tfc`, `sfc` and `lfc` are."""
    import brevitas.nn as qnn
    from bitrill.train import brevitas_quantizers, recipe_networks
    from torch import nn

    def act() -> nn.Module:
        return qnn.QuantIdentity(act_quant=brevitas_quantizers.Activation, bit_width=1)

    def linear(n_in: int, n_out: int) -> nn.Module:
        arguments: Any = recipe_networks.weight_arguments("binary")
        return qnn.QuantLinear(n_in, n_out, bias=False, **arguments)

    layers = [nn.Flatten(), recipe_networks.Normalize(0.5, 0.5), act()]
    for n in (784, width, width):
        layers += [linear(n, width), nn.BatchNorm1d(width), act()]
    network = nn.Sequential(*layers, linear(width, 10), recipe_networks.TensorNorm())
    brevitas_quantizers.init_weights(network)
    return network


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.exit(main())
