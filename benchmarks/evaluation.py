"""What a step of `bitrill compress` that only evaluates costs, over torch's own evaluation.

    python benchmarks/evaluation.py [--width W] [--images N] [--rounds R]

A step that trains for no epoch evaluates a float ResNet-8 on test and validation images, counts its
weights and keeps a checkpoint; torch's own loop gives the same decisions. Both run in turns in one
process; CPU seconds, the least of the rounds, and their ratio are printed. Exit code 1 above 1.3.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from bitrill.compress import chain as chains
from bitrill.compress import recipe as recipes
from bitrill.compress.sources import DataSplits
from bitrill.compress.step_figures import Figures
from bitrill.progress import silent
from torch import Tensor, nn

MOST = 1.3
BATCH = 1000


def torch_alone(module: nn.Module, data: DataSplits) -> tuple[float, float]:
    """Evaluate as torch's examples do; return the shares that are right."""

    def right(x: Tensor, labels: Tensor) -> float:
        count = 0
        with torch.no_grad():
            for part, given in zip(x.split(BATCH), labels.split(BATCH), strict=True):
                count += int((module(part).argmax(1) == given).sum())
        return count / len(x)

    module.eval()
    return right(data.x_test, data.y_test), right(data.x_val, data.y_val)


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--images", type=int, default=4000, help="drawn ones of 24x24")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    tables = {
        "data": {"name": "canvas"},
        "model": {"recipe": "resnet8", "width": options.width},
        "hardware": {"fps": 1000},
        "step": [{"kind": "train", "epochs": 0}],
    }
    recipe = recipes.parse(tables, Path())
    with tempfile.TemporaryDirectory() as folder:
        no_hardware = Figures(0, 0, 0, 0, 0)  # floats have none
        chain = chains.Chain(recipe, Path(folder), lambda _: no_hardware, silent)
        data = chain.data
        repeats = -(-options.images // len(data.x_test))
        chain.data = DataSplits(
            *(data.x_train, data.y_train, data.x_val, data.y_val),
            *(data.x_test.repeat(repeats, 1, 1, 1), data.y_test.repeat(repeats)),
        )
        state = chain._start()
        ours, theirs = [], []
        for _ in range(options.rounds):
            theirs.append(seconds(lambda: torch_alone(state.module, state.data)))
            ours.append(seconds(lambda: chain._take(state, 1)))
        row, alone = chain.rows[-1], torch_alone(state.module, state.data)
    if max(abs(row.accuracy - alone[0]), abs(row.validation - alone[1])) > 1e-6:
        sys.exit("the step and torch decide differently")
    ratio = min(ours) / min(theirs)
    print(
        f"step {min(ours):.2f} s, torch alone {min(theirs):.2f} s: {ratio:.2f} times (most: {MOST})"
    )
    sys.exit(ratio > MOST)


if __name__ == "__main__":
    main()
