"""Steps of random models over places, that arrange data, and that end a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from fuzz.random_net import Draw, Unfit
from fuzz.random_steps import on_grid, quantized, weights


def windows(d: Draw, x: str, kernel: list[int], *, pads: float = 0.4) -> dict[str, Any]:
    """Strides, dilations, and pads or ``auto_pad``."""
    axes = len(kernel)
    found: dict[str, Any] = {}
    if d.maybe(0.4):
        found["strides"] = [d.whole(1, 4) for _ in range(axes)]
    if d.maybe(0.15):
        found["dilations"] = [d.whole(1, 3) for _ in range(axes)]
    if d.maybe(0.15):
        found["auto_pad"] = d.one("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    elif d.maybe(pads):
        n = [k // 2 if d.maybe(0.6) else d.whole(0, max(1, k)) for k in kernel]
        found["pads"] = n + ([k // 2 for k in n] if d.maybe(0.2) else n)
    return found


def kernel_of(d: Draw, x: str) -> list[int]:
    sizes = d.shape_of(x)[2:]
    d.need(len(sizes) in (1, 2))
    return [d.whole(1, min(4, n + 1)) for n in sizes]


def conv(d: Draw, x: str) -> str:
    kernel = kernel_of(d, x)
    x = on_grid(d, x)
    channels, group = d.shape_of(x)[1], 1
    if d.maybe(0.3):
        group = d.one(*[g for g in range(1, channels + 1) if channels % g == 0])
    rows = group * d.whole(1, 3 if group > 1 else 5)
    w = weights(d, rows, channels // group, *kernel)
    bias = (d.const(d.rng.normal(0, 2, rows)),) if d.maybe(0.4) else ()
    options = windows(d, x, kernel)
    if d.maybe():
        options["kernel_shape"] = kernel
    return d.node("Conv", x, w, *bias, **({"group": group} if group > 1 else {}), **options)


def conv_transpose(d: Draw, x: str) -> str:
    kernel = kernel_of(d, x)
    x = on_grid(d, x)
    channels = d.shape_of(x)[1]
    options: dict[str, Any] = {}
    if d.maybe(0.6):
        options["strides"] = [d.whole(1, 3) for _ in kernel]
    if d.maybe(0.3):
        options["pads"] = [d.whole(0, k) for k in kernel] * 2
    if d.maybe(0.15):
        options["dilations"] = [d.whole(1, 3) for _ in kernel]
    if d.maybe(0.15):
        options["output_padding"] = [d.whole(0, s) for s in options.get("strides", [1] * 2)]
    group = channels if d.maybe(0.2) else 1
    w = weights(d, channels, d.whole(1, 4), *kernel, channel=0 if group > 1 else 1)
    return d.node("ConvTranspose", x, w, **({"group": group} if group > 1 else {}), **options)


def pool(d: Draw, x: str) -> str:
    kernel = kernel_of(d, x)
    op = d.one("MaxPool", "AveragePool")
    if op == "AveragePool" or d.maybe(0.3):
        x = on_grid(d, x)
    options = windows(d, x, kernel, pads=0.3)
    if (op == "AveragePool" and not d.later(19)) or not d.later(10):
        options.pop("dilations", None)
    if d.later(10) and d.maybe(0.3):
        options["ceil_mode"] = 1
    if op == "AveragePool" and d.maybe(0.3):
        options["count_include_pad"] = 1
    return d.node(op, x, kernel_shape=kernel, **options)


def global_pool(d: Draw, x: str) -> str:
    d.need(len(d.shape_of(x)) > 2)
    op = d.one("GlobalAveragePool", "GlobalMaxPool")
    return d.node(op, on_grid(d, x) if op == "GlobalAveragePool" else x)


def with_axes(d: Draw, op: str, x: str, axes: list[int], first: int, **more: Any) -> str:
    """A node whose axes are an attribute before opset ``first``, an input later."""
    rank = len(d.shape_of(x))
    if d.later(11) and op not in ("Unsqueeze",) and d.maybe(0.3):
        axes = [k - rank for k in axes]
    if d.later(first):
        return d.node(op, x, d.shape_const(*axes), **more)
    return d.node(op, x, axes=axes, **more)


def reduce(d: Draw, x: str) -> str:
    rank = len(d.shape_of(x))
    d.need(rank > 2 or d.maybe(0.3))
    op = d.one("ReduceMean", "ReduceMax", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin")
    axes = list(range(2, rank)) if rank > 2 and d.maybe(0.8) else [d.whole(1, rank)]
    if op not in ("ReduceMax", "ReduceMin"):
        x = on_grid(d, x)
    keep = {"keepdims": d.whole(0, 2)} if d.maybe(0.8) else {}
    return with_axes(d, op, x, axes, 13 if op == "ReduceSum" else 18, **keep)


def pad(d: Draw, x: str) -> str:
    rank = len(d.shape_of(x))
    d.need(rank > 2)
    x = on_grid(d, x)
    lead = [0, int(d.maybe(0.1))]
    ends = [lead + [d.whole(0, 3) for _ in range(rank - 2)] for _ in range(2)]
    if d.maybe(0.3):
        d.need(d.later(11) and all(max(e) < min(d.shape_of(x)[2:]) for e in ends))
        modes = ("reflect", "edge", "wrap") if d.later(19) else ("reflect", "edge")
        return d.node("Pad", x, d.shape_const(*ends[0], *ends[1]), mode=d.one(*modes))
    value = 0.0 if d.maybe(0.8) else d.one(-1.0, 0.5, 2.0)
    if not d.later(11):
        return d.node("Pad", x, pads=ends[0] + ends[1], **({"value": value} if value else {}))
    more = [d.const(value)] if value or d.maybe(0.3) else []
    return d.node("Pad", x, d.shape_const(*ends[0], *ends[1]), *more)


def crop(d: Draw, x: str) -> str:
    """A Slice of one to three axes."""
    shape = d.shape_of(x)
    d.need(len(shape) > 1)
    axes = sorted({d.whole(1, len(shape)) for _ in range(d.one(1, 2))})
    starts = [d.whole(0, shape[k]) for k in axes]
    pairs = list(zip(axes, starts, strict=True))
    ends = [d.one(shape[k], 2**63 - 1, d.whole(s + 1, shape[k] + 1)) for k, s in pairs]
    if not d.later(10):
        return d.node("Slice", x, starts=starts, ends=ends, axes=axes)
    steps = [d.one(1, 1, 2, 3) for _ in axes] if d.maybe(0.4) else []
    if d.maybe(0.05):
        starts, ends, steps = [-1] * len(axes), [-(2**63)] * len(axes), [-1] * len(axes)
    elif d.maybe(0.2):
        starts = [s - shape[k] for k, s in pairs]
    lists = [starts, ends, axes, *([steps] if steps else [])]
    return d.node("Slice", x, *[d.shape_const(*v) for v in lists])


def parts(d: Draw, x: str) -> str:
    """A Split, of which some part is taken, or all side by side in another order."""
    shape = d.shape_of(x)
    axis = d.whole(1, len(shape)) if d.maybe(0.3) else 1
    d.need(len(shape) > 1 and shape[axis] > 1)
    n = d.whole(2, min(4, shape[axis] + 1))
    cuts = np.sort(d.rng.choice(np.arange(1, shape[axis]), n - 1, replace=False))
    sizes = [int(v) for v in np.diff([0, *cuts, shape[axis]])]
    if d.later(18) and d.maybe():
        first = d.node("Split", x, n=n, axis=axis, num_outputs=n)
    elif shape[axis] % n == 0 and not d.later(18) and d.maybe():
        first = d.node("Split", x, n=n, axis=axis)
    elif d.later(13):
        first = d.node("Split", x, d.shape_const(*sizes), n=n, axis=axis)
    else:
        first = d.node("Split", x, n=n, axis=axis, split=sizes)
    names = [first, *(f"{first}_{k}" for k in range(1, n))]
    d.rng.shuffle(names)
    return d.node("Concat", *names, axis=axis) if d.maybe() else names[0]


def joined(d: Draw, x: str) -> str:
    """A Concat with an older tensor or a branch."""
    rank = len(d.shape_of(x))
    d.need(rank > 1)
    axis = 1 if d.maybe(0.93) else d.whole(1, rank)
    rest = [n for k, n in enumerate(d.shape_of(x)) if k != axis]

    def beside(t: str) -> bool:
        return [n for k, n in enumerate(d.shape_of(t)) if k != axis] == rest

    fit = [t for t in d.older() if len(d.shape_of(t)) == rank and beside(t)]
    others = [on_grid(d, d.one(*fit) if fit else x) for _ in range(d.one(1, 1, 2))]
    return d.node("Concat", on_grid(d, x), *others, axis=axis if d.maybe(0.8) else axis - rank)


def repeat(d: Draw, x: str) -> str:
    """Upsample or Resize of pixels, or Tile."""
    rank = len(d.shape_of(x))
    d.need(rank in (3, 4))
    scales = [1.0, 1.0, *(float(d.one(1, 2, 2, 3)) for _ in range(rank - 2))]
    if not d.later(9):
        return d.node("Upsample", x, mode="nearest", scales=scales)
    if not d.later(10):
        return d.node("Upsample", x, d.const(scales), mode="nearest")
    if not d.later(11):
        return d.node("Resize", x, d.const(scales), mode="nearest")
    if d.maybe(0.1):
        return d.node("Tile", x, d.shape_const(*map(int, scales)))
    pair = d.one(*[("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")] * 3, ("", ""))
    if not pair[0]:
        pair = d.one("asymmetric", "half_pixel"), d.one("floor", "round_prefer_ceil", "ceil")
    modes = dict(zip(("coordinate_transformation_mode", "nearest_mode"), pair, strict=True))
    if d.maybe(0.3):
        sizes = [1, *(int(s * n) for s, n in zip(scales[1:], d.shape_of(x)[1:], strict=True))]
        if d.later(18):
            axes = {"axes": list(range(1, rank))}
            return d.node("Resize", x, "", "", d.shape_const(*sizes[1:]), **axes, **modes)
        raise Unfit
    roi = "" if d.later(13) else d.const(np.zeros(0))
    return d.node("Resize", x, roi, d.const(scales), mode="nearest", **modes)


def blocks(d: Draw, x: str) -> str:
    shape = d.shape_of(x)
    d.need(len(shape) == 4)
    if d.maybe():
        d.need(shape[2] % 2 == 0 and shape[3] % 2 == 0)
        return d.node("SpaceToDepth", x, blocksize=2)
    if shape[1] % 4:
        x = d.node("Conv", on_grid(d, x), weights(d, 4, shape[1], 1, 1))
    modes = {"mode": d.one("DCR", "CRD")} if d.later(11) and d.maybe(0.8) else {}
    return d.node("DepthToSpace", x, blocksize=2, **modes)


def arrange(d: Draw, x: str) -> str:
    """Transpose, Reshape, Flatten, Squeeze or Unsqueeze, the batch axis first."""
    shape = d.shape_of(x)
    rank = len(shape)
    kind = d.whole(0, 5)
    if kind == 0:
        return d.node("Flatten", x, **({"axis": 1} if d.maybe() else {}))
    if kind == 1 and rank > 2:
        perm = [0, *(int(k) + 1 for k in d.rng.permutation(rank - 1))]
        return d.node("Transpose", x, perm=perm)
    if kind == 2 and 1 in shape[1:]:
        axis = d.one(*[k for k in range(1, rank) if shape[k] == 1])
        return with_axes(d, "Squeeze", x, [axis], 13)
    if kind == 3 and rank < 4:
        return with_axes(d, "Unsqueeze", x, [d.whole(1, rank + 1)], 13)
    inner = d.one((-1,), shape[:0:-1], (*shape[1:2], -1), (-1, *shape[rank - 1 :]))
    return d.node("Reshape", x, d.shape_const(0, *inner))


def gather(d: Draw, x: str) -> str:
    shape = d.shape_of(x)
    axis = d.whole(1, len(shape))
    many = d.one((), (1,), (min(2, shape[axis]),))
    index = np.atleast_1d(d.rng.choice(shape[axis], many, replace=d.maybe(0.1)))
    index = np.sort(index).reshape(many)
    return d.node("Gather", x, d.const(index, np.int64), axis=axis)


PLACES = (
    conv,
    conv,
    conv,
    conv,
    conv_transpose,
    pool,
    pool,
    global_pool,
    reduce,
    pad,
    crop,
    parts,
    joined,
    repeat,
    blocks,
    arrange,
    arrange,
    gather,
)


def decision(d: Draw, x: str) -> list[str]:
    """ArgMax, ArgMin or TopK: its outputs, of which all but values are int64."""
    rank = len(d.shape_of(x))
    axis = d.whole(1, rank) if d.maybe(0.3) else 1
    axis = axis - rank if d.later(11) and d.maybe(0.3) else axis
    if d.maybe(0.3) and d.later(10):
        k = d.shape_const(d.whole(1, d.shape_of(x)[axis] + 1))
        options = {"largest": d.whole(0, 2)} if d.later(11) and d.maybe(0.3) else {}
        first = d.node("TopK", x, k, n=2, axis=axis, **options)
        d.whole_outputs.append(f"{first}_1")
        return [first, f"{first}_1"]
    options = {"keepdims": d.whole(0, 2)} if d.maybe() else {}
    if d.later(12) and d.maybe(0.3):
        options["select_last_index"] = 1
    best = d.node(d.one("ArgMax", "ArgMax", "ArgMin"), x, axis=axis, **options)
    d.whole_outputs.append(best)
    return [best]


def ending(d: Draw, x: str) -> list[str]:
    """What stands at an output: nothing, Softmax, a function, a decision."""
    rank = len(d.shape_of(x))
    if d.later(10) and d.maybe(0.03):
        options = {"alpha": d.one(0.5, 0.0, -1.0)} if d.maybe(0.7) else {}
        x = d.node("ThresholdedRelu", x, **options)
    if rank > 1 and d.maybe(0.15):
        axis = 1 if d.later(13) and d.maybe(0.7) else rank - 1
        x = d.node(d.one("Softmax", "Softmax", "LogSoftmax"), x, axis=axis)
    if rank > 1 and d.maybe(0.2):
        return decision(d, x)
    return [x]


__all__ = ["PLACES", "ending", "quantized"]
