"""A recipe's network from torch to RTL, each step compared with the one before."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bitrill import flow
from bitrill.frontend import load_model
from bitrill.ir import Graph
from bitrill.lowering import to_integer
from bitrill.train import Options, datasets, oracle, recipe_networks
from bitrill.train.evaluation import decisions
from bitrill.train.onnx_execution import QonnxNetwork
from bitrill.train.qonnx_export import observe
from torch import Tensor, nn
from train.brevitas_modules import settled

FRAMES = 100
CLOCK = 100_000_000


def pictures(n: int, shape: tuple[int, ...], seed: int = 1) -> Tensor:
    """8-bit images in 0..1: all dark, all bright, then patches under noise of any strength."""
    rng = np.random.default_rng(seed)
    channels, *sides = shape
    coarse = rng.random((n, channels, *(-(-s // 8) for s in sides)))
    for axis, side in enumerate(sides, 2):
        coarse = coarse.repeat(8, axis).take(range(side), axis)
    share = rng.random((n, 1, *(1 for _ in sides)))
    x = np.rint(255 * (share * coarse + (1 - share) * rng.random((n, *shape))))
    x[0], x[1:2] = 0, 255
    return torch.from_numpy(x.astype(np.float32) / np.float32(255))


def drawn(options: Options, *, batch: int = 16, steps: int = 8) -> tuple[nn.Module, Tensor]:
    """The recipe's network with random weights, batch norms with slopes of both signs and the
    statistics that go with them; and frames."""
    torch.manual_seed(options.seed)
    channels, *sides = datasets.shape(options.dataset)
    shape = (channels, int(np.prod(sides))) if options.sequential else (channels, *sides)
    network = settled(recipe_networks.build(options), shape, batch=batch, steps=steps)
    return network, pictures(FRAMES, shape)


@dataclass(frozen=True)
class Agreement:
    """Floats against integers: values compared, differences proven to lie at a decision boundary
    node by node, and frames that each side alone decides differently."""

    values: int
    differences: int
    qonnx: tuple[int, ...]
    torch: tuple[int, ...]


def agree(module: nn.Module, x: Tensor, model: Path) -> tuple[Graph, Agreement]:
    """Compare torch, qonnx on the module's export, and the golden model.

    Node by node on equal integers (`oracle.compare` proves each difference or raises). A frame
    in which no node differs is equal from end to end, so a frame that is decided differently must
    be one in which a proven difference lies.
    """
    network, graph = QonnxNetwork.load(model), to_integer(load_model(model))
    floats = x.numpy()
    theirs = oracle.compare(network, floats, observe(module, x).side(network))
    side = oracle.golden_side(network, graph, floats)
    ours = oracle.compare(network, floats, side)
    assert len(np.unique(side.output.reshape(len(x), -1), axis=0)) > len(x) // 4  # no dead network
    golden = decisions(nn.Identity(), torch.from_numpy(side.output))
    apart = (golden != decisions(module, x)).reshape(len(x), -1).any(1)
    torch_apart = tuple(np.flatnonzero(apart.numpy()).tolist())
    where = {d.index[0] for d in ours.differences}
    assert set(ours.decisions) <= where
    assert set(torch_apart) <= where | {d.index[0] for d in theirs.differences}
    return graph, Agreement(
        sum(ours.nodes.values()), len(ours.differences), ours.decisions, torch_apart
    )


@dataclass(frozen=True)
class Hardware:
    """A compiled network: seconds are this machine's, all else is exact."""

    build: flow.Build
    seconds: float
    luts: int


def compiled(model: Path, out: Path, interval: int) -> Hardware:
    """Compile for a frame every ``interval`` cycles, with the fewest LUTs."""
    start = time.perf_counter()
    done = flow.compile(model, out=out, fps=CLOCK / interval, clock_mhz=CLOCK / 1e6)
    seconds = time.perf_counter() - start
    assert done.build.predicted.ii <= interval
    assert done.solution is not None
    return Hardware(done.build, seconds, done.solution.resources.lcs)


def simulated(hardware: Hardware, x: Tensor, stall: float) -> dict[str, Any]:
    """Run every frame through the RTL; check all bits, and the cycle of every beat."""
    found = flow.verify(hardware.build, data=x.numpy(), stall=stall, seed=3)
    assert found.mismatches == 0, found.report.first
    assert (found.samples, found.report.violations) == (len(x), ())
    assert found.measured == found.predicted
    assert found.cycles_exact, found.report.late
    return found
