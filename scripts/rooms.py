"""The rooms of ``sw/bitrill`` from the ground up, by which imports are counted and tested."""

from __future__ import annotations


def spelled(words: str, parent: str = "") -> tuple[str, ...]:
    return tuple(parent + word for word in words.split())


def _plan(words: str) -> tuple[str, ...]:
    return spelled(words, "plan.")


ROOMS = {
    "ground": (
        *("errors", "exact", "real", "storage", "requirements", "progress", "engines", "jobs"),
        *("enclosure", "outward", "steps", "functions", "programs", "provenance", "processes"),
        "tracking",
        "practice",
        "curves",
    ),
    "ir": ("ir",),
    "parts": ("parts", "plan.parts"),
    "arith": (
        "arith",
        *_plan("gates digits shifts products sums compress heaps columns distances border serial"),
        *_plan("dsp adders pairs sharing unrolled"),
    ),
    "geometry": ("geometry", *_plan("sliding ring pooling")),
    "timing": (
        "timing",
        *_plan("maxplus relaxation cycles laps gather network timing depths frames"),
    ),
    "ops": ("ops",),
    "resources": (
        "resources",
        *_plan("resources memory blocks clock structure structures structures_arithmetic"),
        *_plan("structures_channels structures_moving structures_multiply structures_open"),
    ),
    "passes": ("passes",),
    "folding": (
        "folding",
        *_plan("options search solve requantize"),
        # these count only while there is a `plan`
        *spelled("fold lanes codings levels_choice free convert", "passes."),
    ),
    "frontend.reader": ("frontend.reader",),
    "frontend.symbolic": ("frontend.symbolic",),
    "frontend.rules": ("frontend.rules",),
    "frontend": ("frontend",),
    "runtime": ("runtime", "plan.registers"),
    # below `train`, which takes an export through the passes to compare it with torch
    "lowering": ("lowering", "packing", "pipeline"),
    "train": ("train",),
    "compress": ("compress",),
    "search": ("search",),
    "report": ("report",),
    "zoo": ("zoo",),
    "flow": ("flow",),
    "roof": ("cli", "doctor"),
}
"""Rooms of ``sw/bitrill`` from the ground up, each with its modules; the longest name holds."""

OWNERS: tuple[str, ...] = (
    "bitrill.ir.impl",  # memory, and which styles are written or streamed
    "bitrill.ops.units",  # styles and ways to multiply
    "bitrill.ops.window",
    "bitrill.parts.families",
)
"""Modules (with all below them) that may compare the words, as ``bitrill.ir.types``."""

MIRRORS = {
    "bitrill_hw.ops": ("ops",),
    "bitrill_hw.arith": ("arith",),
    "bitrill_hw.matvec": ("ops.units", "arith", "folding"),
    "bitrill_hw.pipeline": ("geometry",),
}
"""Rooms of ``hw``, and the rooms of ``sw/bitrill`` whose plans they turn into hardware."""
