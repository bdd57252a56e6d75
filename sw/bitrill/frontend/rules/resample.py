"""Rules for Resize and Upsample with the nearest pixel, in all forms of ONNX."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import prod

import numpy as np

from ...exact import Surd, ceil, floor
from ...ops import Upsample
from ..reader import limits
from ..symbolic import Call, Const, Data, Known, RefusedError, brief
from .crops import Places, sliced
from .layouts import axes_of
from .table import rule, since, until

_HALF = Fraction(1, 2)

_ROUND: dict[str, Callable[[Fraction], int]] = {
    "round_prefer_floor": lambda t: ceil(t - _HALF),
    "round_prefer_ceil": lambda t: floor(t + _HALF),
    "floor": floor,
    "ceil": ceil,
}

_BACK: dict[str, Callable[[int, Fraction, int], Fraction]] = {
    "asymmetric": lambda k, f, n: k / f,
    "half_pixel": lambda k, f, n: (k + _HALF) / f - _HALF,
    "half_pixel_symmetric": lambda k, f, n: (
        Fraction(n, 2) * (1 - floor(n * f) / (n * f)) + (k + _HALF) / f - _HALF
    ),
    "pytorch_half_pixel": lambda k, f, n: (k + _HALF) / f - _HALF if n * f > 1 else Fraction(0),
    "tf_half_pixel_for_nn": lambda k, f, n: (k + _HALF) / f,
    "align_corners": lambda k, f, n: k * (n - 1) / (n * f - 1) if n * f != 1 else Fraction(0),
}
"""Maps position k of the ``n * f`` new positions back to the n old ones, by mode."""


@rule(
    "Upsample",
    inputs={1: 1, 9: 2},
    last=9,
    layout="either",
    integers="kept",
    mode=str,
    scales=until(8, list),
)
def upsample(call: Call) -> Known:
    """Repeat pixels; the scales are an attribute (opset 7) or an input (opset 9)."""
    x = call.data(0)
    given = [Fraction(s) for s in call.list_attribute("scales")] or _scales(call, 1)
    if any(s < 1 for s in given):
        raise RefusedError("its scales must be at least 1")
    return _nearest(call, x, given, "asymmetric", "floor")


@rule(
    "Resize",
    inputs={10: 2, 11: (3, 4), 13: (1, 4)},
    layout="either",
    integers="kept",
    mode=str,
    coordinate_transformation_mode=since(11, str),
    nearest_mode=since(11, str),
    cubic_coeff_a=since(11, float),
    exclude_outside=since(11, int),
    extrapolation_value=since(11, float),
    antialias=since(18, int),
    axes=since(18, tuple),
    keep_aspect_ratio_policy=since(18, str),
)
def resize(call: Call) -> Known:
    """Take the nearest pixels, with given scales or sizes, as in opset 10 or as in later ones."""
    x = call.data(0)
    rank, old = len(x.shape) + 1, call.opset < 11
    axes = call.list_attribute("axes") if "axes" in call.attributes else tuple(range(rank))
    axes = axes_of(axes, rank)
    at = 1 if old else 2
    if _is_given(call, 3) is _is_given(call, at):
        raise RefusedError("either scales or sizes must be given")
    given = _to_sizes(call, x, axes) if _is_given(call, 3) else _scales(call, at)
    if len(given) != len(axes):
        raise RefusedError(
            f"it must have one scale or size for each of {len(axes)} axes, not {len(given)}"
        )
    by_axis = dict(zip(axes, given, strict=True))
    scales = [by_axis.get(a, Fraction(1)) for a in range(rank)]
    back = call.text_attribute(
        "coordinate_transformation_mode", "asymmetric" if old else "half_pixel"
    )
    nearest = call.text_attribute("nearest_mode", "floor" if old else "round_prefer_floor")
    return _nearest(call, x, scales, back, nearest)


def _is_given(call: Call, i: int) -> bool:
    """Return whether input ``i`` is given and not empty."""
    value = call.value(i) if call.has(i) else Const(np.empty(0))
    return not isinstance(value, Const) or value.array.size > 0


def _scales(call: Call, i: int) -> list[Fraction]:
    """Return the scales that constant input ``i`` lists."""
    array = call.exact(i, "its scales")
    if array.ndim > 1:
        raise RefusedError(f"its scales must be a list, not of shape {list(array.shape)}")
    numbers = array.reshape(-1).tolist()
    if any(isinstance(s, Surd) for s in numbers):
        raise RefusedError("its scales must be rational")
    return numbers


def _to_sizes(call: Call, x: Data, axes: tuple[int, ...]) -> list[Fraction]:
    """Return the scales for the sizes of input 3, with the policy for their aspect ratio."""
    sizes = call.integer_list(3, "sizes")
    full = [call.builder.batch, *x.shape]
    scales = [Fraction(s, full[a]) for s, a in zip(sizes, axes, strict=False)]
    policy = call.text_attribute("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch" or not scales:
        return scales
    if policy not in ("not_larger", "not_smaller"):
        raise RefusedError(
            "keep_aspect_ratio_policy must be stretch, not_larger or not_smaller, not"
            f" {policy[:40]!r}"
        )
    one = min(scales) if policy == "not_larger" else max(scales)
    # sizes are rounded, and the scales follow from the rounded sizes
    return [Fraction(floor(one * full[a] + _HALF), full[a]) for a in axes]


def _nearest(call: Call, x: Data, scales: list[Fraction], back: str, nearest: str) -> Known:
    """Return ``x`` with each axis scaled: pixels repeated, or some of them left out."""
    mode = call.text_attribute("mode", "nearest")
    if mode != "nearest":
        raise RefusedError(f"its mode must be nearest, not {mode[:40]!r}")
    for name in ("exclude_outside", "antialias"):
        if call.int_attribute(name, 0):
            raise RefusedError(f"{name} must be 0 if the mode is nearest")
    if back not in _BACK or nearest not in _ROUND:
        raise RefusedError(f"{back[:40]!r} with {nearest[:40]!r} is not known")
    if len(scales) != len(x.shape) + 1 or scales[0] != 1:
        listed = [float(s) for s in scales[:8]]
        raise RefusedError(
            f"it must have {len(x.shape) + 1} scales, one for each axis and 1 for the batch, not"
            f" {listed}"
        )
    factors, parts = [], []
    for n, scale in zip(x.shape, scales[1:], strict=True):
        factor, part = _along(n, scale, back, nearest)
        factors.append(factor)
        parts.append(part)
    if prod(factors) * x.size > limits.ELEMENTS:
        raise RefusedError(f"its result must have at most {limits.ELEMENTS} elements")
    return _repeated(call, sliced(call, x, parts), factors)


def _along(n: int, scale: Fraction, back: str, nearest: str) -> tuple[int, Places]:
    """Return how often each position of an axis is repeated, and which positions are used."""
    out = floor(n * scale)
    if not 1 <= out <= limits.INPUT_ELEMENTS:
        raise RefusedError(f"its scale {brief(scale)} must leave at least one of {n} positions")
    taken, same = (
        [min(max(_ROUND[nearest](_BACK[back](k, s, n)), 0), n - 1) for k in range(out)]
        for s in (scale, Fraction(out, n) if back == "align_corners" else scale)
    )
    if taken != same:
        raise RefusedError(
            f"a scale of {brief(scale)} over {n} places gives {brief(n * scale)}, and align_corners"
            " is read in two ways then; give sizes"
        )
    if scale.denominator == 1 and taken == [k // int(scale) for k in range(out)]:
        return int(scale), range(n)
    steps = {b - a for a, b in pairwise(taken)}
    if len(steps) <= 1 and min(steps, default=1) >= 1:
        return 1, taken
    raise RefusedError(
        f"each axis must repeat every place equally often, or take places equally far apart; a"
        f" scale of {brief(scale)} over {n} places by {back} with {nearest} takes {taken[:8]}"
        " (asymmetric with floor repeats for every integer scale)"
    )


def _repeated(call: Call, x: Known, factors: list[int]) -> Known:
    """Return ``x`` with every pixel repeated."""
    if not isinstance(x, Data) or prod(factors) == 1:
        return x
    call.check_quantized(x)
    x = call.builder.settle(x)
    if x.is_last:
        made = _repeated(call, x.first(), [factors[-1], *factors[:-1]])
        return made.last() if isinstance(made, Data) else made
    x = x if x.is_image else call.arranged(x)
    if factors[0] > 1:
        raise RefusedError("its scale must be 1 for the channels, not above it")
    node = call.emit(Upsample, x.edge, share=True, factors=tuple(factors[1:]))
    y = node.y.shape
    return replace(x, edge=node.name, shape=(y[-1], *y[:-1]), frame=y)
