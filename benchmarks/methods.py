"""Every method of training and compression on small networks: accuracy and hardware, one table.

    python benchmarks/methods.py [METHOD ...] [--seeds N] [--no-frames] [--out DIR] [--page FILE]

Each method is a recipe of `bitrill compress` (`method_list`): a float network is trained on the
handwritten digits, then come the method's steps. Accuracy is that of the test images, before (in
floats) and after, mean and spread over ``--seeds`` (5). The network of the first seed is compiled,
folded and unrolled, and 100 frames of it are simulated. What is finished is kept in DIR and not
done again, so a run may be stopped at any time. ``--page`` writes the table as Markdown.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bitrill import flow
from bitrill.compress.recipe import Hardware
from bitrill.errors import BitrillError
from bitrill.flow.compressing import predicted_figures
from bitrill.storage import remove, write_json
from common import ROOT
from method_list import METHODS, Method

FOLDED = {"part": "xc7z020clg400-1", "fps": 100_000}
FRAMES = 100

Result = dict[str, Any]


def recipe(method: Method, seed: int) -> dict[str, Any]:
    """Return the tables of a method's recipe."""
    return {
        "data": {"name": "digits"},
        "model": method.model,
        "hardware": FOLDED | method.hardware,
        "training": {"seed": seed, "batch": 32, "learning_rate": 0.005},
        "step": [{"kind": "train", "epochs": 15}, *method.steps],
    }


def measured(method: Method, seed: int, out: Path) -> Result:
    """Run a method with one seed, or read what it gave."""
    folder = out / method.slug / f"seed-{seed}"
    done, tables = folder / "result.json", recipe(method, seed)
    if done.exists() and (value := json.loads(done.read_text()))["recipe"] == tables:
        return value
    _share_float_network(method, seed, out, folder)
    result = flow.compress(tables, out=folder, redo=True)
    _keep_float_network(method, seed, out, folder)
    first, last = result.rows[0], result.rows[-1]
    value = asdict(last) | {"float": first.accuracy, "seed": seed, "recipe": tables}
    remove(folder / "hardware.json")  # of another recipe
    write_json(done, value)
    return value


def _float_file(method: Method, seed: int, out: Path) -> Path:
    return out / "float" / f"{method.base}-{seed}.pt"


def _share_float_network(method: Method, seed: int, out: Path, folder: Path) -> None:
    """Begin with the float network that another method has trained."""
    kept = _float_file(method, seed, out)
    if kept.exists() and not (folder / "step-1.pt").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(kept, folder / "step-1.pt")


def _keep_float_network(method: Method, seed: int, out: Path, folder: Path) -> None:
    kept = _float_file(method, seed, out)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "step-1.pt", kept)


def hardware(method: Method, out: Path) -> Result:
    """Compile and simulate the network of the first seed, or read what came of it."""
    folder = out / method.slug / "seed-0"
    done, model = folder / "hardware.json", folder / "model.onnx"
    if done.exists():
        return json.loads(done.read_text())
    if not model.exists() or json.loads((folder / "result.json").read_text())["lcs"] is None:
        return {}
    build = flow.compile(model, out=folder / "build", **FOLDED).build
    verified = flow.verify(build.folder, data="digits", samples=FRAMES)
    shutil.rmtree(build.folder)
    unrolled = predicted_figures(model, Hardware(style="unrolled"))
    value = {
        "lcs_unrolled": unrolled.lcs,
        "ramb18_unrolled": unrolled.ramb18,
        "frames": FRAMES,
        "mismatches": verified.mismatches,
    }
    write_json(done, value)
    return value


def row(method: Method, results: Sequence[Result]) -> list[str]:
    """Return the cells of a method's row."""
    if method.pending:
        return [method.name, method.source, *["-"] * 7, method.published, method.pending]
    if not results:
        return [method.name, method.source, *["-"] * 7, method.published, "not run"]
    first = results[0]
    before, after = ([100 * r[key] for r in results] for key in ("float", "accuracy"))
    folded = "-" if first["lcs"] is None else f"{first['lcs']:,} + {first['ramb18']}"
    unrolled = f"{first['lcs_unrolled']:,}" if "lcs_unrolled" in first else "-"
    verified = f"{first['mismatches']} of {first['frames']}" if "mismatches" in first else "-"
    return [
        *(method.name, method.source, spread(before), spread(after)),
        *(f"{first['nonzero']:,}", f"{first['weight_bits']:,}", folded, unrolled, verified),
        *(method.published, verdict(first, before, after)),
    ]


def spread(values: Sequence[float]) -> str:
    """Return mean and, of several values, standard deviation."""
    deviation = f" +- {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


def verdict(first: Mapping[str, Any], before: Sequence[float], after: Sequence[float]) -> str:
    """Return what is to be said of a method beside its figures."""
    if first["lcs"] is None:
        return "; ".join(first["notes"]) or "floats"
    return "" if statistics.mean(after) > statistics.mean(before) - 20 else "fails here"


HEAD = (
    "method",
    "source",
    "float %",
    "after %",
    "not zero",
    "weight bits",
    "LUTs + RAMB18, folded",
    "LUTs, unrolled",
    "mismatches",
    "published",
    "",
)


def page(rows: Sequence[Sequence[str]], seeds: int) -> str:
    """Return the page of results."""
    lines = [
        "# Methods of training and compression",
        "",
        f"Made by `python benchmarks/methods.py --seeds {seeds}` (`make methods`): each method of",
        "the surveys that trains or compresses, as a recipe of `bitrill compress` on 8x8 digits.",
        "Accuracy is that of 360 test images, mean and standard deviation over the seeds; one is",
        "0.28 points. Hardware is predicted for an xc7z020, folded for 100,000 frames/s at",
        "100 MHz, and unrolled. Published figures are of other networks and data: t1 are points of",
        "ImageNet's top-1 accuracy lost.",
        "",
        *(f"| {' | '.join(cells)} |" for cells in (HEAD, ["---"] * len(HEAD), *rows)),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="all, if none is named")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "methods")
    parser.add_argument("--no-frames", dest="frames", action="store_false", help="no simulation")
    parser.add_argument("--page", type=Path, metavar="FILE")
    parser.add_argument("--list", action="store_true", help="name the methods and end")
    options = parser.parse_args()
    chosen = [m for m in METHODS if not options.methods or m.slug in options.methods]
    if options.list:
        print("\n".join(f"{m.slug:24} {m.name}" for m in METHODS))
        return
    results: dict[str, list[Result]] = {m.slug: [] for m in METHODS}
    faults: dict[str, str] = {}
    for seed in range(options.seeds):
        for method in chosen:
            if method.pending or method.slug in faults:
                continue
            try:
                results[method.slug].append(measured(method, seed, options.out))
                print(" | ".join(row(method, results[method.slug])), flush=True)
            except BitrillError as error:
                faults[method.slug] = str(error)
                print(f"{method.name}: {error}", flush=True)
    for method in chosen if options.frames else ():
        if results[method.slug]:
            results[method.slug][0] |= hardware(method, options.out)
            print(" | ".join(row(method, results[method.slug])), flush=True)
    if options.page:
        options.page.write_text(page([row(m, results[m.slug]) for m in METHODS], options.seeds))


if __name__ == "__main__":
    main()
