"""Tells from a shell's counters who waited for whom, and which layer limits the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .registers import LAYER


def waits(counters: Mapping[str, int], layers: Sequence[str]) -> dict[str, Any]:
    """Return shares of the hardware's cycles, as a JSON object; empty if nothing was counted.

    ``in_stalled``: words from memory waited for the network; ``out_stalled``: results waited for
    memory. With counters of the layers, ``layers`` has the counts of each, by name, and ``slowest``
    is the layer that waits least, for data or for room behind it.
    """
    cycles = counters.get("CYCLES", 0)
    if not cycles:
        return {}
    result: dict[str, Any] = {
        side: counters[side.upper()] / cycles for side in ("in_stalled", "out_stalled")
    }
    if f"0_{LAYER[0]}" in counters:
        each = {
            name: {word.lower(): counters[f"{k}_{word}"] for word in LAYER}
            for k, name in enumerate(layers)
        }
        result["layers"] = each
        result["slowest"] = min(each, key=lambda n: each[n]["starved"] + each[n]["blocked"])
    return result
