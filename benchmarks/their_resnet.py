"""Somebody's ResNet through `bitrill compress`: half of its channels in 4 bits, verified in RTL.

    python benchmarks/their_resnet.py [--data mnist] [--images N] [--frames N] [--out DIR]

Takes ``examples/compress/their_resnet.toml`` with arrays of a named set, prints its steps, and the
LUTs of the last network over those of the network that was quantized and not pruned, at equal rate.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from bitrill import flow
from bitrill.cli.printed_tables import text
from bitrill.train import datasets
from common import ROOT


def write_arrays(folder: Path, name: str, images: int) -> None:
    """Write the images of a named set as NumPy files."""
    for split, count in (("train", images), ("test", None)):
        x, y = datasets.load(name, split)  # pyright: ignore[reportArgumentType]
        np.save(folder / f"x_{split}.npy", x[:count])
        np.save(folder / f"y_{split}.npy", y[:count])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", default="mnist", choices=("mnist", "fashion"))
    parser.add_argument("--images", type=int, default=20_000, help="training images")
    parser.add_argument("--frames", type=int, default=20, help="frames through RTL")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "their_resnet")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in ("their_resnet.py", "their_resnet.toml"):
        shutil.copy(ROOT / "examples" / "compress" / name, options.out)
    write_arrays(options.out, options.data, options.images)
    done = flow.compress(options.out / "their_resnet.toml", out=options.out / "steps")
    print("\n".join(map(text, done.tables())))
    before, after = done.rows[1], done.rows[-1]
    assert before.lcs is not None
    assert after.lcs is not None
    assert done.model is not None
    print(f"LUTs: {after.lcs:,} of {before.lcs:,}, {after.lcs / before.lcs:.2f} times")
    build = flow.compile(done.model, out=options.out / "build", fps=5000).build
    verified = flow.verify(build.folder, data=options.data, samples=options.frames)
    print(f"mismatches: {verified.mismatches} of {options.frames} frames")


if __name__ == "__main__":
    main()
