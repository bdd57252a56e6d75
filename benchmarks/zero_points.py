"""An 8-bit network with zero points, from training to hardware, `requantize` beside thresholds.

    python benchmarks/zero_points.py [STYLE ...] [--samples N] [--synth] [--json FILE]

A small CNN learns the 8x8 digits and is quantized for arithmetic on integers only (Jacob et al.
2018): activations of 8 bits with zero points, 8-bit weights. ``STYLE``: who writes the file, and
how; ONNX Runtime's static quantization, or Brevitas, where the network learns on with its
quantizers. Each file is compared with ONNX Runtime on all test images (`bitrill check` explains
what differs), compiled at `FPS` in three forms, and the first is verified on ``--samples`` of the
test images, with and without stalls. ``--synth``: the forms are synthesised, too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import brevitas.nn as qnn
import numpy as np
import onnxruntime
import torch
from bitrill import flow
from bitrill.frontend import load_model
from bitrill.ir import Graph
from bitrill.ir.activation import Activation
from bitrill.lowering import to_integer
from bitrill.ops import MatVec, Threshold
from bitrill.train import datasets
from brevitas.export import export_onnx_qcdq
from brevitas.quant import Int8WeightPerTensorFloat, ShiftedUint8ActPerTensorFloat
from common import table
from onnxruntime import quantization
from torch import nn

FPS = 50_000.0
"""Frames a second at 100 MHz."""

MEAN, DEVIATION = np.float32(0.3), np.float32(0.4)
"""Normalisation of the images: the input has both signs, so its zero point lies inside."""

EPOCHS, MORE_EPOCHS, BATCH = 15, 3, 32

STALL = 0.3

FORMS: dict[str, dict[type, dict[str, str]]] = {
    "chosen": {},
    "without slices": {MatVec: {"multiply": "lut"}, Threshold: {"multiply": "lut"}},
    "thresholds": {Threshold: {"style": "search"}},
}
"""Choices that are settled, by kind of node; thresholds as FINN's RTL finds them, by a search."""


def network(channels: int, *, quantized: bool = False) -> nn.Sequential:
    """Two convolutions with ReLU, a linear bottleneck between them, and a classifier behind.

    The bottleneck's map has both signs, and the second convolution pads it with zeros: in integers
    with its zero point.
    """
    conv: Any = qnn.QuantConv2d if quantized else nn.Conv2d
    weights = {"weight_quant": Int8WeightPerTensorFloat} if quantized else {}

    def act() -> list[nn.Module]:
        return [qnn.QuantIdentity(act_quant=ShiftedUint8ActPerTensorFloat)] if quantized else []

    inner = max(1, channels // 2)
    return nn.Sequential(
        *act(),
        conv(1, channels, 3, padding=1, **weights),
        nn.ReLU(),
        *act(),
        conv(channels, inner, 1, **weights),
        *act(),
        conv(inner, 2 * channels, 3, stride=2, padding=1, **weights),
        nn.ReLU(),
        *act(),
        conv(2 * channels, 10, 4, **weights),
        *act(),
        nn.Flatten(),
    )


def images(split: datasets.Split) -> tuple[np.ndarray, np.ndarray]:
    """Return normalised images of the digits, and their labels."""
    x, labels = datasets.load("digits", split)
    return (x - MEAN) / DEVIATION, labels


@cache
def trained(channels: int, epochs: int = EPOCHS) -> nn.Sequential:
    """Return the float network after training."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return _fit(network(channels), epochs, 0.005)


def _fit(net: nn.Sequential, epochs: int, rate: float) -> nn.Sequential:
    x, labels = map(torch.from_numpy, images("train"))
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    for _ in range(epochs):
        net.train()
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[chosen]), labels[chosen]).backward()
            optimizer.step()
    return net.eval()


class _Calibration(quantization.CalibrationDataReader):
    """The training images, one by one."""

    def __init__(self) -> None:
        self._images: Iterator[np.ndarray] = iter(images("train")[0][:256])

    def get_next(self) -> dict[str, np.ndarray] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        image = next(self._images, None)
        return None if image is None else {"x": image[None]}


def _of_onnx_runtime(form: str, act: str) -> Callable[[nn.Sequential, Path], None]:
    """Return a function that quantizes a float network by ``quantize_static``."""

    def write(net: nn.Sequential, path: Path) -> None:
        source, example = path.with_suffix(".float.onnx"), torch.zeros(1, 1, 8, 8)
        torch.onnx.export(net, (example,), str(source), input_names=["x"], dynamo=False)
        quantization.quantize_static(
            str(source),
            str(path),
            _Calibration(),
            quant_format=quantization.QuantFormat[form],
            activation_type=quantization.QuantType[act],
            weight_type=quantization.QuantType.QInt8,
        )

    return write


def _of_brevitas(net: nn.Sequential, path: Path) -> None:
    """Train on with Brevitas' asymmetric quantizers, and export QuantizeLinear and its inverse."""
    own = network(len(next(net.parameters())), quantized=True)
    layers, trained = ([m for m in n if isinstance(m, nn.Conv2d)] for n in (own, net))
    for layer, old in zip(layers, trained, strict=True):
        layer.load_state_dict(old.state_dict(), strict=False)
    _fit(own, MORE_EPOCHS, 0.0005)
    export_onnx_qcdq(own, torch.zeros(1, 1, 8, 8), str(path), input_names=["x"], dynamo=False)


STYLES: dict[str, Callable[[nn.Sequential, Path], None]] = {
    "QDQ-uint8": _of_onnx_runtime("QDQ", "QUInt8"),
    "QDQ-int8": _of_onnx_runtime("QDQ", "QInt8"),
    "QOperator-uint8": _of_onnx_runtime("QOperator", "QUInt8"),
    "QOperator-int8": _of_onnx_runtime("QOperator", "QInt8"),
    "Brevitas-uint8": _of_brevitas,
}
"""Functions that write a file of a float network."""


def write_model(style: str, path: Path, *, channels: int = 8, epochs: int = EPOCHS) -> None:
    """Train, quantize and write the file of a style."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        STYLES[style](trained(channels, epochs), path)


def by_onnx_runtime(path: Path, x: np.ndarray) -> np.ndarray:
    """Return what ONNX Runtime computes of ``x``.

    Nothing is optimised but operators of uint8 by int8, whose kernels saturate if they are not.
    """
    options, level = onnxruntime.SessionOptions(), onnxruntime.GraphOptimizationLevel
    optimised = "QOperator-uint8" in path.name
    chosen = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    options.graph_optimization_level = chosen
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options)
    name = session.get_inputs()[0].name
    return np.concatenate([np.asarray(session.run(None, {name: f[None]})[0]) for f in x])


def zero_points(graph: Graph) -> list[int]:
    """Return the zero points of an IMPORTED graph's input and activations, in order.

    That of the input is the integer that 0 becomes.
    """
    first = graph.source.quantize(np.zeros((1, *graph.source.shape))).flat[0]
    zeros = [n.function.quantizer.zero[0] for n in graph.nodes if isinstance(n, Activation)]
    return [int(first), *(int(z) for z in zeros if isinstance(z, Fraction))]


@dataclass(frozen=True)
class Compared:
    """A file beside ONNX Runtime: zero points, images, right answers of both, those that differ.

    ``boundary``: how many of those that differ are proven to be the rounding of floats at a
    boundary; ``faults``: the others.
    """

    zero_points: list[int]
    images: int
    right: int
    right_runtime: int
    differ: int
    boundary: int
    faults: list[str]


def compared(path: Path) -> Compared:
    """Compare a file with ONNX Runtime on all test images."""
    x, labels = images("test")
    y = by_onnx_runtime(path, x)
    checked = flow.check(path, inputs=x, outputs=y)
    graph = load_model(path)
    ours = graph.sink.dequantize(graph.run(graph.source.quantize(x)))
    return Compared(
        zero_points(graph),
        len(x),
        int((ours.reshape(len(x), -1).argmax(1) == labels).sum()),
        int((y.argmax(1) == labels).sum()),
        checked.differ,
        checked.boundary,
        list(checked.faults),
    )


def compiled(path: Path, form: str, out: Path) -> flow.Compiled:
    """Compile a file in one form."""
    nodes, settled = to_integer(load_model(path)).nodes, FORMS[form]
    folding = {n.name: settled[type(n)] for n in nodes if type(n) in settled}
    return flow.compile(path, out=out, fps=FPS, folding=folding)


def area(done: flow.Compiled, *, synth: bool) -> dict[str, Any]:
    """Return the figures of a form: cycles, and what it takes by the model and by Yosys."""
    kinds = [n.kind for n in done.build.graph.nodes]
    used = done.resources
    row: dict[str, Any] = {"cycles": int(done.build.predicted.ii)}
    row |= {kind: kinds.count(kind) for kind in ("requantize", "threshold")}
    row |= {"LUT": used.lcs, "FF": used.ff, "RAMB36": used.bram18 / 2, "DSP": used.dsp}
    if synth:
        total = flow.synth(done.build).total.to_json()
        row |= {f"{k} (Yosys)": total[k] for k in ("lcs", "ff", "ramb18", "ramb36", "dsp")}
    return row


def verified(done: flow.Compiled, samples: int) -> list[str]:
    """Run test images through the RTL, free and with stalls; say what came out."""
    x, lines = images("test")[0][:samples], []
    for stall in (0.0, STALL):
        seen = flow.verify(done.build, data=x, samples=len(x), stall=stall)
        cycles = "every beat in its cycle" if seen.cycles_exact else "CYCLES DIFFER"
        lines.append(f"stall {stall}: {seen.mismatches} mismatches of {seen.samples}, {cycles}")
    return lines


def measured(style: str, work: Path, samples: int, *, synth: bool) -> dict[str, Any]:
    """Return all figures of one style, and print them."""
    path = work / f"{style}.onnx"
    write_model(style, path)
    result: dict[str, Any] = {"file": asdict(compared(path)), "forms": {}}
    print(f"\n{style}: {result['file']}", flush=True)
    for form in FORMS:
        done = compiled(path, form, work / f"{style}-{form}")
        result["forms"][form] = {"form": form, **area(done, synth=synth)}
        if samples and form == "chosen":
            result["verified"] = verified(done, samples)
            print(*result["verified"], sep="\n")
    rows = list(result["forms"].values())
    print(table(list(rows[0]), rows), flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("styles", nargs="*", metavar="STYLE", help=f"of {', '.join(STYLES)}")
    parser.add_argument("--samples", type=int, default=360, help="test images through the RTL")
    parser.add_argument("--synth", action="store_true", help="count cells with Yosys, too")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    unknown = sorted(set(options.styles) - set(STYLES))
    if unknown:
        parser.error(f"STYLE must be one of {', '.join(STYLES)}, not {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as work:
        done = {
            style: measured(style, Path(work), options.samples, synth=options.synth)
            for style in options.styles or STYLES
        }
    if options.json:
        options.json.write_text(json.dumps(done, indent=1) + "\n")


if __name__ == "__main__":
    main()
