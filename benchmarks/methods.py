"""Every method of training and compression on small networks: accuracy and hardware, one table.

    python benchmarks/methods.py [METHOD ...] [--data SET] [--seeds N] [--no-frames] [--out DIR]
        [--page FILE]

Each method is a recipe of `bitrill compress` (`method_list`): a float network is trained on the
handwritten digits, then come the method's steps. Accuracy is that of the test images, before (in
floats) and after, mean and spread over ``--seeds`` (5). The network of the first seed is compiled,
folded and unrolled, and 100 frames of it are simulated. ``--data fashion`` or ``mnist`` tries the
stronger methods on 6,000 images of that set (3 seeds). What is finished is kept in DIR and not done
again, so a run may be stopped at any time. ``--page`` writes all that DIR holds as Markdown.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bitrill import flow
from bitrill.compress.recipe import Hardware
from bitrill.errors import BitrillError
from bitrill.flow.compressing import predicted_figures
from bitrill.storage import remove, write_json
from common import ROOT
from method import MODELS, Method
from method_list import METHODS, STRONG
from method_page import page, row

FOLDED: dict[str, Any] = {"part": "xc7z020clg400-1", "fps": 100_000}
FRAMES = 100
HARDWARE = ("frames.json", "unrolled.json")

Result = dict[str, Any]


@dataclass(frozen=True)
class Store:
    """A folder of results on one set of images; ``share``: percent of the recipes' epochs."""

    folder: Path
    data: str
    methods: tuple[Method, ...]
    seeds: int
    limit: int | None = None
    share: int = 100

    def recipe(self, method: Method, seed: int) -> dict[str, Any]:
        """Return the tables of a method's recipe."""
        steps = [{"kind": "train", "epochs": 15}, *map(dict, method.steps)]
        for each in steps:
            if "epochs" in each:
                each["epochs"] = -(-each["epochs"] * self.share // 100)
        return {
            "data": {"name": self.data} | ({"limit": self.limit} if self.limit else {}),
            "model": method.model,
            "hardware": FOLDED | dict(method.hardware),
            "training": {"seed": seed, "batch": 100, "learning_rate": 0.01},
            "step": steps,
        }

    def of(self, method: Method, seed: int) -> Path:
        """Return the folder of one run."""
        return self.folder / method.slug / f"seed-{seed}"

    def kept(self, method: Method, seed: int) -> Result | None:
        """Return what a run of the same recipe gave, with its simulation's figures."""
        folder = self.of(method, seed)
        if not (folder / "result.json").exists():
            return None
        value = json.loads((folder / "result.json").read_text())
        if value["recipe"] != self.recipe(method, seed):
            return None
        for name in HARDWARE:
            if (folder / name).exists():
                value |= json.loads((folder / name).read_text())
        return value

    def results(self, method: Method) -> list[Result]:
        """Return what is finished of a method, by seed."""
        found = [self.kept(method, seed) for seed in range(self.seeds)]
        return [value for value in found if value is not None]

    def measure(self, method: Method, seed: int) -> None:
        """Run a method with one seed, if that is not done."""
        if self.kept(method, seed):
            return
        folder, tables = self.of(method, seed), self.recipe(method, seed)
        floats = self.folder / "float" / f"{method.base}-{seed}.pt"  # one for all methods
        if floats.exists() and not (folder / "step-1.pt").exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(floats, folder / "step-1.pt")
        result = flow.compress(tables, out=folder, redo=True)
        floats.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "step-1.pt", floats)
        first, last = result.rows[0], result.rows[-1]
        for name in HARDWARE:
            remove(folder / name)  # of another recipe
        value = asdict(last) | {"float": first.accuracy, "seed": seed, "recipe": tables}
        write_json(folder / "result.json", value)

    def simulate(self, method: Method) -> None:
        """Compile and simulate the folded network of the first seed, if that is not done."""
        folder, value = self.of(method, 0), self.kept(method, 0)
        if value is None or value["lcs"] is None or "mismatches" in value:
            return
        model = folder / "model.onnx"
        build = flow.compile(model, out=folder / "build", **(FOLDED | dict(method.hardware))).build
        verified = flow.verify(build.folder, data=self.data, samples=FRAMES)
        shutil.rmtree(build.folder)
        write_json(folder / "frames.json", {"frames": FRAMES, "mismatches": verified.mismatches})

    def unroll(self, method: Method) -> None:
        """Predict the first seed's network unrolled, if that is not done."""
        folder, value = self.of(method, 0), self.kept(method, 0)
        if value is None or value["lcs"] is None or "lcs_unrolled" in value:
            return
        figures = predicted_figures(folder / "model.onnx", Hardware(style="unrolled"))
        figures = {"lcs_unrolled": figures.lcs, "ramb18_unrolled": figures.ramb18}
        write_json(folder / "unrolled.json", figures)


def stores(out: Path, seeds: int | None) -> dict[str, Store]:
    """Return the store of each set of images in a folder."""
    strong = tuple(m for m in METHODS if m.slug in STRONG)
    large = {"methods": strong, "seeds": seeds or 3, "limit": 6000, "share": 30}
    return {
        "digits": Store(out, "digits", METHODS, seeds or 5),
        **{name: Store(out / name, name, **large) for name in ("fashion", "mnist")},
    }


def runs(store: Store, chosen: Sequence[Method], hardware: bool) -> Iterator[Method]:
    """Do what is not done; yields a method behind each run.

    First come the first seed and its simulation, small networks first; then unrolled networks, then
    the other seeds.
    """
    order = sorted((m for m in chosen if not m.pending), key=lambda m: list(MODELS).index(m.base))
    calls: list[tuple[Method, Callable[[], None]]] = []
    for method in order:
        calls.append((method, partial(store.measure, method, 0)))
        if hardware:
            calls.append((method, partial(store.simulate, method)))
    if hardware:
        calls += [(method, partial(store.unroll, method)) for method in order]
    calls += [
        (method, partial(store.measure, method, seed))
        for seed in range(1, store.seeds)
        for method in order
    ]
    faulty: set[str] = set()
    for method, call in calls:
        if method.slug not in faulty:
            try:
                call()
                yield method
            except BitrillError as error:
                faulty.add(method.slug)
                print(f"{method.name}: {error}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="all, if none is named")
    parser.add_argument("--data", choices=("digits", "fashion", "mnist"), default="digits")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "methods")
    parser.add_argument("--no-frames", dest="frames", action="store_false", help="no simulation")
    parser.add_argument("--page", type=Path, metavar="FILE")
    parser.add_argument("--list", action="store_true", help="name the methods and end")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{m.slug:24} {m.name}" for m in METHODS))
        return
    known = stores(options.out, options.seeds)
    store = known[options.data]
    chosen = [m for m in store.methods if not options.methods or m.slug in options.methods]
    for method in runs(store, chosen, options.frames and options.data == "digits"):
        print(" | ".join(row(method, store.results(method))), flush=True)
    if options.page:
        tables = {
            name: [(method, each.results(method)) for method in each.methods]
            for name, each in known.items()
        }
        options.page.write_text(page(tables))


if __name__ == "__main__":
    main()
