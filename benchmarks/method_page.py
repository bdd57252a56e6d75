"""The page of results of `methods`: rows of figures, and what is said of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from method import Method

Results = Sequence[Mapping[str, Any]]
"""What a method gave, by seed; the first holds the figures of hardware."""

HEAD = "method|source|seeds|float %|after %|not zero|weight bits|LUTs + RAMB18, folded|"
HEAD += "LUTs + RAMB18, unrolled|mismatches|published|"

TEXT = """\
# Methods of training and compression

Made by `make methods`, which is `python benchmarks/methods.py`, then the same with `--data
fashion`: each method of the surveys that trains or compresses, as a recipe of `bitrill compress` on
8x8 digits, the stronger ones on 6,000 images of Fashion-MNIST too. Accuracy is that of all test
images (360 digits: one is 0.28 points), mean and standard deviation over the seeds. Hardware is by
the resource model, both folded for 100,000 frames/s of an xc7z020 at 100 MHz (ShiftNet: 50,000) and
unrolled; of the folded network of the first seed, 100 frames are simulated. Published figures are
of other networks and data: t1 are points of ImageNet's top-1 accuracy lost. Nothing was tuned for a
method: "fails here" is said of these epochs and rates. A run may be stopped at any time, so a row
says its seeds, and "-" stands for what is not done yet, or where there is no hardware.
"""


def page(tables: Mapping[str, Sequence[tuple[Method, Results]]]) -> str:
    """Return the page; ``tables``: methods with what they gave, by the set of images."""
    lines = [TEXT]
    for name, methods in tables.items():
        if any(results for _, results in methods):
            rows = [row(method, results) for method, results in methods]
            lines += [f"## {name.capitalize()}", ""]
            lines += [
                f"| {' | '.join(cells)} |" for cells in (HEAD.split("|"), ["---"] * 12, *rows)
            ]
            lines.append("")
    return "\n".join(lines)


def row(method: Method, results: Results) -> list[str]:
    """Return the cells of a method's row."""
    if not results:
        return [
            method.name,
            method.source,
            *["-"] * 8,
            method.published,
            method.pending or "not run yet",
        ]
    first = results[0]
    before, after = ([100 * r[key] for r in results] for key in ("float", "accuracy"))
    return [
        *(method.name, method.source, str(len(results)), spread(before), spread(after)),
        *(f"{first['nonzero']:,}", f"{first['weight_bits']:,}"),
        *(_memory(first, "lcs", "ramb18"), _memory(first, "lcs_unrolled", "ramb18_unrolled")),
        f"{first['mismatches']} of {first['frames']}" if "mismatches" in first else "-",
        *(method.published, _verdict(first, before, after)),
    ]


def _memory(first: Mapping[str, Any], lcs: str, ramb18: str) -> str:
    return "-" if first.get(lcs) is None else f"{first[lcs]:,} + {first[ramb18]}"


def spread(values: Sequence[float]) -> str:
    """Return mean and, of several values, standard deviation."""
    deviation = f" +- {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{deviation}"


def _verdict(first: Mapping[str, Any], before: Sequence[float], after: Sequence[float]) -> str:
    """Return what is to be said of a method beside its figures."""
    if first["lcs"] is None:
        return "; ".join(first["notes"]) or "floats"
    return "" if statistics.mean(after) > statistics.mean(before) - 20 else "fails here"
