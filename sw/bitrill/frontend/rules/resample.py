"""Rules for Resize and Upsample, which repeat pixels, in every form that ONNX has."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from ...exact import Real, ceil, floor
from ...ops import Upsample
from ..reader import limits
from ..symbolic import Call, Const, Data, Known, RefusedError
from .layouts import axis_of
from .table import rule, since, until

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


@rule("Upsample", inputs={1: 1, 9: 2}, last=9, layout="spatial", mode=str, scales=until(8, list))
def upsample(call: Call) -> Known:
    """Repeat pixels by scales that are an attribute or an input (opset 9)."""
    x = call.image(0)
    if call.opset < 9:
        given = [Fraction(s) for s in call.list_attribute("scales")]
    else:
        given = call.exact(1, "its scales").reshape(-1).tolist()
    return _repeated(call, x, _factors(given, x), "asymmetric", "floor")


@rule(
    "Resize",
    inputs={10: 2, 11: (3, 4), 13: (1, 4)},
    layout="spatial",
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
    """Repeat pixels by scales or to sizes, in the forms of opset 10 and of later ones."""
    x = call.image(0)
    first = call.opset < 11
    back = call.text_attribute(
        "coordinate_transformation_mode", "asymmetric" if first else "half_pixel"
    )
    nearest = call.text_attribute("nearest_mode", "floor" if first else "round_prefer_floor")
    return _repeated(call, x, _factors(_scales(call, x), x), back, nearest)


def _scales(call: Call, x: Data) -> list[Real]:
    """Return the scale of each axis of a Resize, given by its scales or its sizes."""
    full = [call.builder.batch, *x.shape]
    listed = call.list_attribute("axes")
    axes = [axis_of(a, len(full), "axes") for a in listed] or [*range(len(full))]
    at = 1 if call.opset < 11 else 2
    scales = call.has(at) and not _is_empty(call.value(at))
    if scales is (call.has(3) and not _is_empty(call.value(3))):
        raise RefusedError("scales or sizes must be given, one of them")
    given: list[Real]
    if scales:
        given = call.exact(at, "its scales").reshape(-1).tolist()
    else:
        sizes = call.integers(3, "sizes").reshape(-1).tolist()
        given = [Fraction(s, full[a]) for a, s in zip(axes, sizes, strict=False)]
        given += [Fraction(1)] * (len(sizes) - len(given))
        policy = call.text_attribute("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch" and len({*given}) > 1:
            raise RefusedError(f"keep_aspect_ratio_policy must be stretch, not {policy[:40]!r}")
    if len(given) != len(axes) or len({*axes}) < len(axes):
        raise RefusedError(
            f"it must have one scale or size for each of {len(axes)} different axes, not"
            f" {len(given)} for axes {list(axes)}"
        )
    by_axis = dict(zip(axes, given, strict=True))
    return [by_axis.get(a, Fraction(1)) for a in range(len(full))]


def _is_empty(value: Known) -> bool:
    return isinstance(value, Const) and value.array.size == 0


def _factors(scales: Sequence[Real], x: Data) -> tuple[int, ...]:
    whole = [
        int(s) if isinstance(s, Fraction) and s == int(s) and 1 <= s <= 1 << 10 else 0
        for s in scales
    ]
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
