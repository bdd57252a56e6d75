"""Compressed networks from training to RTL: trained on digits, compiled, simulated with stalls.

    python benchmarks/compressed_trained.py [NAME ..] [--samples N] [--stall P]

Each is trained by its recipe in `examples/compress`, or by `train`, compiled, and simulated: N
random frames (1,000 if not given), with pauses of source and sink of probability P (0.3).
``wrong``: frames with a wrong bit; ``cycles``: predicted; ``exact``: whether every beat of the run
with pauses came in its predicted cycle. All is kept in build/bench/trained.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from bitrill import flow
from common import ROOT, table

RECIPES = ROOT / "examples" / "compress"
COLUMNS = (
    "network",
    "accuracy",
    "LUTs",
    "RAMB18",
    "cycles",
    "measured",
    "frames",
    "wrong",
    "exact",
)


@dataclass(frozen=True)
class Trained:
    """A recipe; ``fps``: rate; ``styles``: of layers for which they are not searched.

    ``adder``: in place of a recipe, train LeNet with distances instead of products.
    """

    name: str
    fps: float
    adder: bool = False
    styles: dict[str, str] = field(default_factory=dict)

    def model(self, work: Path) -> tuple[Path, float]:
        """Train it; return the model and its accuracy on the test images."""
        if self.adder:
            made = flow.train(
                "lenet", weights="adder", acts=4, epochs=20, out=work / "trained", resume=True
            )
            return made.model, made.accuracy
        recipe = RECIPES / f"{self.name}.toml"
        found = flow.compress(recipe, out=work / "trained")
        assert found.model is not None
        return found.model, found.accuracy


PREFIX = {f"n{k}_matmul": "prefix" for k in (1, 4, 7)}
CASES = (
    Trained("codebook_prefix", 5000, styles=PREFIX),
    Trained("product_quantized", 500_000),
    Trained("adder_lenet", 20_000, adder=True),
)


def measure(case: Trained, samples: int, stall: float) -> dict[str, object]:
    """Return a row of the table."""
    work = ROOT / "build" / "bench" / "trained" / case.name
    model, accuracy = case.model(work)
    folding = {name: {"style": style} for name, style in case.styles.items()}
    built = flow.compile(model, out=work / "build", fps=case.fps, folding=folding or None)
    ran = flow.verify(work / "build", data="random", samples=samples, stall=stall)
    predicted, measured = ran.predicted, ran.measured
    row = (
        case.name,
        f"{100 * accuracy:.2f} %",
        built.resources.lcs,
        built.resources.ramb18,
        predicted and predicted.ii,
        measured and measured.ii,
        ran.samples,
        ran.mismatches,
        ran.cycles_exact,
    )
    return dict(zip(COLUMNS, row, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    names = [case.name for case in CASES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--samples", type=int, default=1000, metavar="N")
    parser.add_argument("--stall", type=float, default=0.3, metavar="P")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error(f"NAME must be one of {', '.join(names)}, not {', '.join(unknown)}")
    rows = [
        measure(case, options.samples, options.stall)
        for case in CASES
        if case.name in (options.names or names)
    ]
    print(table(COLUMNS, rows))


if __name__ == "__main__":
    main()
