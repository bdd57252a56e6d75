"""C code of functions along axes: Softmax, decisions (ArgMax, TopK), reductions.

The axes of a function must be neighbours, so that they form rows. In the code, ``x`` points to the
first element of a row of ``n`` elements, which are ``step`` apart; ``out`` to its first result, and
results are ``step`` apart, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any


class NotInCError(Exception):
    """A function that has no form in C here, or not with these attributes."""


@dataclass(frozen=True)
class AxisRows:
    """Rows of ``n`` elements, ``inner`` apart, in ``outer`` blocks."""

    outer: int
    n: int
    inner: int

    @staticmethod
    def of(shape: tuple[int, ...], attributes: Mapping[str, Any]) -> "AxisRows":
        """Return the rows of a value ``[1, *shape]`` along the axes of a function."""
        ndim = len(shape)
        given = attributes.get("axes", attributes.get("axis", 1))
        axes = sorted(a % ndim for a in ([given] if isinstance(given, int) else given))
        if attributes.get("rest"):
            axes = list(range(axes[0], ndim))
        first, last = axes[0], axes[-1] + 1
        if first == 0 or axes != list(range(first, last)):
            raise NotInCError(f"axes {axes}")
        return AxisRows(prod(shape[:first]), prod(shape[first:last]), prod(shape[last:]))


def along(op: str, attributes: Mapping[str, Any]) -> str | None:
    """Return the statements that compute a row; None if ``op`` is no function along axes."""
    sign = "" if attributes.get("largest", op not in ("ArgMin", "ReduceMin")) else "-"
    if op.startswith("TopK"):
        value = "best" if op == "TopKIndices" else "x[best * step]"
        return _TOP.format(k=attributes["k"], sign=sign, value=value)
    if op in ("ArgMax", "ArgMin"):
        better = ">=" if attributes["last"] else ">"
        return _BEST.format(sign=sign, better=better, value="best")
    if op in ("ReduceMax", "ReduceMin"):
        return _BEST.format(sign=sign, better=">", value="x[best * step]")
    return _ROWS.get(op)


def results(op: str, attributes: Mapping[str, Any], n: int) -> int:
    """Return how many results a row of ``n`` elements has."""
    if op.startswith("TopK"):
        return attributes["k"]
    return n if op in ("Softmax", "LogSoftmax") else 1


_BEST = """int32_t best = 0, j;
for (j = 1; j < n; ++j)
    if ({sign}x[j * step] {better} {sign}x[best * step])
        best = j;
out[0] = {value};"""
_TOP = """int32_t best = -1, j;
for (j = 0; j < {k}; ++j) {{
    best = top(x, n, step, best, {sign}1);
    out[j * step] = {value};
}}"""
_SUM = """double sum = 0;
int32_t j;
for (j = 0; j < n; ++j)
    sum += x[j * step];
out[0] = sum{divided};"""
_SOFTMAX = """double most = x[0], sum = 0;
int32_t j;
for (j = 1; j < n; ++j)
    most = fmax(most, x[j * step]);
for (j = 0; j < n; ++j)
    sum += exp(x[j * step] - most);
for (j = 0; j < n; ++j)
    out[j * step] = {value};"""
_ROWS = {
    "ReduceSum": _SUM.format(divided=""),
    "ReduceMean": _SUM.format(divided=" / n"),
    "Softmax": _SOFTMAX.format(value="exp(x[j * step] - most) / sum"),
    "LogSoftmax": _SOFTMAX.format(value="x[j * step] - most - log(sum)"),
}
