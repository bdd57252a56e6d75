"""The quantizer of a network's input as tables in C: its levels, for float and for double.

An element's step is the number of levels at or below it, found by comparisons alone. For float, a
level is rounded up, so that a float reaches it exactly if it reaches the level itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .edge import NetworkEdge, listed


def quantizing(q: Mapping[str, Any], into: NetworkEdge) -> Iterator[dict[str, object]]:
    """Yield the values of ``quantize.c`` for float and double; ``q``: ``quantizer`` of the file."""
    levels = np.array([[float.fromhex(v) for v in row] for row in q["levels"]])
    rows, steps = levels.shape
    values = {
        "rows": ", a row for each channel" if rows > 1 else "",
        "row_count": rows,
        "steps": steps,
        "row": "c" if rows > 1 else "0",
        "invert": _invert(q["inverted"], steps),
        "nth": into.nth,
    }
    for kind, suffix, table in (("float", "", _up(levels)), ("double", "_double", levels)):
        yield {**values, "float": kind, "suffix": suffix, "levels": _rows(table, kind)}


def _up(levels: np.ndarray) -> np.ndarray:
    """Round float64 to float32, upwards."""
    with np.errstate(over="ignore"):
        near = levels.astype(np.float32)
    return np.where(near < levels, np.nextafter(near, np.float32(np.inf)), near)


def _invert(inverted: list[bool], steps: int) -> str:
    """Return the statements that turn the count round where a channel's steps go downwards."""
    if not any(inverted):
        return "(void)c;\n    "
    if all(inverted):
        return f"(void)c;\n    n = {steps} - n;\n    "
    flags = ", ".join("1" if v else "0" for v in inverted)
    table = f"static const uint8_t inverted[{len(inverted)}] = {{{flags}}};"
    return (
        f"{{\n        {table}\n        if (inverted[c])\n            n = {steps} - n;\n    }}\n    "
    )


def _rows(levels: np.ndarray, kind: str) -> str:
    """Return the rows of a table."""
    end = "f" if kind == "float" else ""
    rows = (listed([_literal(v, end) for v in row], 8) for row in levels.tolist())
    return "".join(f"    {{{row}}},\n" for row in rows)


def _literal(value: float, end: str) -> str:
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    mantissa, exponent = value.hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}{end}"
