"""Seconds and peak memory of `bitrill compile`, each model in a process of its own.

    python benchmarks/compile.py [MODEL.onnx ...]

Without arguments: TFC_1W1A, if at hand, and SFC and LFC (784-H-H-H-10, H = 256 and 1024) after one
epoch on MNIST.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bitrill.cli.show import table
from common import ROOT, default_model

RECIPES = ("sfc", "lfc")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path)
    models = parser.parse_args().models
    if not models:
        models = [default_model("TFC_1W1A.onnx"), *map(barely_trained, RECIPES)]
    rows = []
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            seconds, mib, value = measured(model, folder)
        rows.append((model.parent.name + "/" + model.name, value["nodes"], value["ii"],
                     f"{seconds:.1f}", f"{mib:.0f}"))  # fmt: skip
    print(table(("model", "nodes", "cycles a frame", "seconds", "peak MiB"), rows))
    return 0


def measured(model: Path, out: str) -> tuple[float, float, dict]:
    """Wall seconds, peak MiB and result of one compilation."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "bitrill", "compile", str(model), "--out", out, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = process.stdout.read() if process.stdout else ""
    # waited for by hand: this child's own memory, not that of the largest so far
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"{model}: {text}")
    mib = usage.ru_maxrss / 2**10
    return seconds, mib, json.loads(text)


def barely_trained(recipe: str) -> Path:
    """A network of the recipe, after one epoch on MNIST."""
    from bitrill import flow

    out = ROOT / "build" / "bench" / recipe
    flow.train(recipe, out=out, dataset="mnist", epochs=1, resume=True)
    return out / "model.onnx"


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.exit(main())
