"""Rules for Resize and Upsample, which repeat pixels, in every form that ONNX has."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from ...exact import ceil, floor
from ...ops import Upsample
from ..reader import limits
from ..symbolic import Call, Const, Data, Known, RefusedError
from .table import rule

_HALF = Fraction(1, 2)

_ROUND: dict[str, Callable[[Fraction], int]] = {
    "round_prefer_floor": lambda t: ceil(t - _HALF),
    "round_prefer_ceil": lambda t: floor(t + _HALF),
    "floor": floor,
    "ceil": ceil,
}

_BACK: dict[str, Callable[[int, int, int], Fraction]] = {
    "asymmetric": lambda k, f, n: Fraction(k, f),
    "half_pixel": lambda k, f, n: (k + _HALF) / f - _HALF,
    "half_pixel_symmetric": lambda k, f, n: (k + _HALF) / f - _HALF,
    "pytorch_half_pixel": lambda k, f, n: (k + _HALF) / f - _HALF if n * f > 1 else Fraction(0),
    "tf_half_pixel_for_nn": lambda k, f, n: (k + _HALF) / f,
    "align_corners": lambda k, f, n: Fraction(k * (n - 1), max(n * f - 1, 1)),
}
"""Maps place ``k`` of ``n * f`` places back to one of the n places before, by mode."""


@rule("Upsample", inputs=(1, 2), layout="spatial", mode=str, scales=list)
def upsample(call: Call) -> Known:
    """Repeat pixels by scales that are an attribute or an input (opset 9)."""
    x = call.image(0)
    scales = call.list_attribute("scales")
    given = list(scales) if scales else call.exact(1, "its scales").reshape(-1).tolist()
    return _repeated(call, x, _factors(given, x), "asymmetric", "floor")


@rule(
    "Resize",
    inputs=(2, 4),
    layout="spatial",
    mode=str,
    coordinate_transformation_mode=str,
    nearest_mode=str,
    cubic_coeff_a=float,
    exclude_outside=int,
    extrapolation_value=float,
    antialias=int,
    axes=tuple,
    keep_aspect_ratio_policy=str,
)
def resize(call: Call) -> Known:
    """Repeat pixels by scales or to sizes, in the forms of opset 10 and of later ones."""
    x = call.image(0)
    last = len(call.values) == 2
    if not last and call.has(3):
        sizes = call.integers(3, "sizes").reshape(-1).tolist()
        full = [call.builder.batch, *x.shape]
        given = [Fraction(s, n) for s, n in zip(sizes, full, strict=False)]
    else:
        value = call.value(1 if last else 2)
        if not isinstance(value, Const) or value.array.size == 0:
            raise RefusedError("scales or sizes must be given, as constants")
        given = call.exact(1 if last else 2, "its scales").reshape(-1).tolist()
    axes = call.list_attribute("axes")
    if axes:
        by_axis = dict(zip((a % (len(x.shape) + 1) for a in axes), given, strict=False))
        given = [by_axis.get(a, Fraction(1)) for a in range(len(x.shape) + 1)]
    default = "half_pixel" if not last else "asymmetric"
    back = call.text_attribute("coordinate_transformation_mode", default)
    nearest = call.text_attribute("nearest_mode", "floor" if last else "round_prefer_floor")
    return _repeated(call, x, _factors(given, x), back, nearest)


def _factors(scales: Sequence[float | Fraction], x: Data) -> tuple[int, ...]:
    whole = [int(s) if s == int(s) and 1 <= s <= 1 << 10 else 0 for s in scales]
    if len(whole) != len(x.shape) + 1 or not all(whole) or whole[:2] != [1, 1]:
        numbers = [float(s) for s in scales[:8]]
        raise RefusedError(
            f"its scales must be integers of at least 1, and 1 for batch and channels, not"
            f" {numbers}"
        )
    if prod(whole) * x.size > limits.ELEMENTS:
        raise RefusedError(f"it must give at most {limits.ELEMENTS} elements")
    return tuple(whole[2:])


def _repeated(call: Call, x: Data, factors: tuple[int, ...], back: str, nearest: str) -> Known:
    mode = call.text_attribute("mode", "nearest")
    if mode != "nearest":
        raise RefusedError(f"its mode must be nearest, not {mode[:40]!r}")
    if back not in _BACK or nearest not in _ROUND:
        raise RefusedError(f"{back[:40]!r} with {nearest[:40]!r} is not known")
    for n, f in zip(x.frame[:-1], factors, strict=True):
        taken = [_ROUND[nearest](_BACK[back](k, f, n)) for k in range(n * f)]
        if not np.array_equal(np.clip(taken, 0, n - 1), np.arange(n * f) // f):
            raise RefusedError(
                f"it must repeat each place {f} times; {back} with {nearest} takes others"
                " (asymmetric with floor does so always)"
            )
    call.check_quantized(x)
    if prod(factors) == 1:
        return x
    x = call.builder.settle(x)
    node = call.emit(Upsample, x.edge, share=True, factors=factors)
    y = node.y.shape
    return replace(x, edge=node.name, shape=(y[-1], *y[:-1]), frame=y)
