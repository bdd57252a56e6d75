"""Networks that live in logic: tables of six bits, a frame a clock, from training to RTL.

    python benchmarks/logic.py [NAME ..] [--out DIR] [--json FILE]

Each network is trained (`bitrill train lutnet`), exported as the bits of its thermometer code and
as raw pixels, compiled, synthesised by Yosys, and verified with all test images at one frame a
clock. ``core`` is the whole design that takes the bits: tables, counts, FIFOs, frame check and
stall logic in physical LUTs (``lcs``), and ``sites`` by the rules of a slice; ``code`` is the
thermometer code of raw pixels on the chip, apart. The ten counts leave in one beat; argmax is the
host's. A run that was broken off goes on where it was; results lie in DIR (build/bench/logic).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bitrill import flow
from bitrill.ir import serialisation
from bitrill.train import LutOptions, datasets
from bitrill.train.lut_network import live_parts, to_onnx
from bitrill.train.lut_training import restored
from bitrill_hw.design.build import component
from bitrill_hw.memories.roms import convert
from bitrill_hw.synth.synthesis import synthesise_unit
from common import ROOT, table

RUNS: dict[str, LutOptions] = {
    "digits-300": LutOptions(budget=300, dataset="digits"),
    "mnist-900": LutOptions(budget=900, dataset="mnist", epochs=6),
    "mnist-3000": LutOptions(budget=3000, dataset="mnist", epochs=6),
    "mnist-3300": LutOptions(budget=3300, dataset="mnist", epochs=20),
}

COLUMNS = (
    "name",
    "accuracy %",
    "tables",
    "core",
    "sites",
    "FF",
    "code",
    "bits",
    "levels",
    "interval",
    "latency",
    "wrong",
    "images",
    "train s",
)


def measured(name: str, options: LutOptions, folder: Path) -> dict[str, Any]:
    """Train, compile, synthesise and verify one network; each step that is done is kept."""
    row = folder / "row.json"
    if row.is_file():
        return json.loads(row.read_text())
    start = time.process_time()
    flow.train(
        options.recipe,
        out=folder,
        resume=True,
        budget=options.budget,
        dataset=options.dataset,
        epochs=options.epochs,
        seed=options.seed,
    )
    seconds = time.process_time() - start
    network = restored(options, folder)
    x, labels = datasets.load(options.dataset, "test")
    read, layers = live_parts(network)
    bits = network.code(torch.from_numpy(x))[:, read].numpy()
    model, frames = folder / "bits.onnx", folder / "bits.npy"
    model.write_bytes(to_onnx(network, x.shape[1:], encoded=True).SerializeToString())
    np.save(frames, bits)
    core = folder / "core"
    timing = flow.compile(model, out=core, style="unrolled").build.predicted
    graph = serialisation.load(core)
    accuracy = (graph.run_floats(bits).argmax(1) == labels).mean()
    checked = flow.verify(core, data=str(frames), samples=len(x))
    whole = synthesise_unit((core / "top.v").read_text(), work=folder / "synth-core")
    raw = folder / "raw"
    flow.compile(
        folder / "model.onnx", out=raw, style="unrolled", raw_input="uint8", input_scale="1/255"
    )
    (code,) = (n for n in serialisation.load(raw).nodes if n.name == "bits")
    coded = synthesise_unit(convert(component(code)), work=folder / "synth-code")
    found = {
        "name": name,
        "accuracy %": round(100 * float(accuracy), 2),
        "tables": len(layers[-1][1]),
        "core": whole.total.lcs,
        "sites": whole.sites,
        "FF": whole.total.ff,
        "code": coded.total.lcs,
        "bits": len(read),
        "levels": whole.levels,
        "interval": int(timing.ii),
        "latency": timing.latency,
        "wrong": checked.mismatches,
        "images": checked.samples,
        "train s": round(seconds),
    }
    row.write_text(json.dumps(found, indent=1) + "\n")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RUNS)}")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench" / "logic")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(RUNS))
    if unknown:
        parser.error(f"NAME must be one of {', '.join(RUNS)}, not {', '.join(unknown)}")
    rows = []
    for name in options.names or ["digits-300"]:
        print(f"{name}:", flush=True)
        rows.append(measured(name, RUNS[name], options.out / name))
    print(table(COLUMNS, rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return int(any(row["wrong"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
