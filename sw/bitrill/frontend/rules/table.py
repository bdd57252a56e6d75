"""The operators that are accepted, one line each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..reader import limits
from ..symbolic.context import Call
from ..symbolic.values import Head, Known
from . import (
    arrange,
    convs,
    elementwise,
    joins,
    l1_matmul,
    layouts,
    matmul,
    multithreshold,
    outputs,
    pools,
    quantizers,
    resample,
    shapes,
    truncs,
)

Result: TypeAlias = Known | Head | tuple[Known, ...] | tuple[Head, ...]
"""What a rule gives: one value, or one for each of the node's outputs."""


@dataclass(frozen=True)
class Rule:
    """How an operator is imported: the function, how many inputs, which attributes of what type."""

    apply: Callable[[Call], Result]
    least: int
    most: int
    attributes: dict[str, type]


def rule(
    apply: Callable[[Call], Result], least: int, most: int | None = None, **attributes: type
) -> Rule:
    return Rule(apply, least, least if most is None else most, attributes)


_WINDOW = {
    "auto_pad": str,
    "dilations": tuple,
    "kernel_shape": tuple,
    "pads": tuple,
    "strides": tuple,
}
_FLAGS = {"signed": int, "narrow": int, "rounding_mode": str}

STANDARD: dict[str, Rule] = {
    "Add": rule(layouts.either(elementwise.arithmetic), 2),
    "ArgMax": rule(outputs.arg_max, 1, axis=int, keepdims=int, select_last_index=int),
    "AveragePool": rule(pools.average_pool, 1, ceil_mode=int, count_include_pad=int, **_WINDOW),
    "BatchNormalization": rule(
        elementwise.batch_norm, 5, epsilon=float, momentum=float, training_mode=int
    ),
    "Cast": rule(shapes.cast, 1, to=int, saturate=int),
    "Clip": rule(elementwise.clip, 1, 3, min=float, max=float),
    "Concat": rule(layouts.either(shapes.concat), 1, limits.NODE_ITEMS, axis=int),
    "Constant": rule(
        shapes.constant,
        0,
        value=np.ndarray,
        value_float=float,
        value_int=int,
        value_floats=tuple,
        value_ints=tuple,
    ),
    "Conv": rule(convs.conv, 2, 3, group=int, **_WINDOW),
    "ConvTranspose": rule(convs.conv_transpose, 2, 3, group=int, output_padding=tuple, **_WINDOW),
    "DepthToSpace": rule(arrange.depth_to_space, 1, blocksize=int, mode=str),
    "Div": rule(elementwise.arithmetic, 2),
    "Dropout": rule(shapes.identity, 1, 3, ratio=float, seed=int),
    "Flatten": rule(shapes.flatten, 1, axis=int),
    "Gather": rule(shapes.gather, 2, axis=int),
    "Gemm": rule(matmul.gemm, 2, 3, alpha=float, beta=float, transA=int, transB=int),
    "GlobalAveragePool": rule(pools.global_average_pool, 1),
    "GlobalMaxPool": rule(pools.global_max_pool, 1),
    "Identity": rule(shapes.identity, 1),
    "LeakyRelu": rule(elementwise.leaky, 1, alpha=float),
    "MatMul": rule(matmul.matmul, 2),
    "MaxPool": rule(pools.max_pool, 1, ceil_mode=int, storage_order=int, **_WINDOW),
    "Mul": rule(elementwise.arithmetic, 2),
    "Neg": rule(elementwise.negate, 1),
    "PRelu": rule(elementwise.leaky, 2),
    "Pow": rule(elementwise.power, 2),
    "Reciprocal": rule(elementwise.power, 1),
    "ReduceMean": rule(
        layouts.either(pools.reduce_mean, listed=True),
        1,
        2,
        axes=tuple,
        keepdims=int,
        noop_with_empty_axes=int,
    ),
    "Relu": rule(elementwise.relu, 1),
    "Reshape": rule(shapes.reshape, 2, allowzero=int),
    "Resize": rule(
        resample.resize,
        2,
        4,
        mode=str,
        coordinate_transformation_mode=str,
        nearest_mode=str,
        cubic_coeff_a=float,
        exclude_outside=int,
        extrapolation_value=float,
        antialias=int,
        axes=tuple,
        keep_aspect_ratio_policy=str,
    ),
    "Shape": rule(shapes.shape, 1, start=int, end=int),
    "Slice": rule(shapes.slice_, 1, 5, starts=tuple, ends=tuple, axes=tuple),
    "Softmax": rule(outputs.softmax, 1, axis=int),
    "SpaceToDepth": rule(arrange.space_to_depth, 1, blocksize=int),
    "Split": rule(layouts.either(joins.split), 1, 2, axis=int, split=tuple, num_outputs=int),
    "Sqrt": rule(elementwise.power, 1),
    "Squeeze": rule(shapes.squeeze, 1, 2, axes=tuple),
    "Sub": rule(layouts.either(elementwise.arithmetic), 2),
    "TopK": rule(outputs.top_k, 1, 2, axis=int, k=int, largest=int, sorted=int),
    "Transpose": rule(shapes.transpose, 1, perm=tuple),
    "Unsqueeze": rule(shapes.squeeze, 1, 2, axes=tuple),
    "Upsample": rule(resample.upsample, 1, 2, mode=str, scales=tuple),
}
"""Operators of ONNX that are accepted."""

QUANT: dict[str, Rule] = {
    "BipolarQuant": rule(quantizers.bipolar_quant, 2),
    "IntQuant": rule(quantizers.quant, 4, **_FLAGS),
    "MultiThreshold": rule(
        multithreshold.multi_threshold,
        2,
        out_scale=float,
        out_bias=float,
        out_dtype=str,
        data_layout=str,
    ),
    "Quant": rule(quantizers.quant, 4, **_FLAGS),
    "Trunc": rule(truncs.trunc, 5, 6, **_FLAGS),
}
"""Operators of QONNX that are accepted, in any of its domains."""

OWN: dict[str, Rule] = {
    "L1MatMul": rule(l1_matmul.l1_matmul, 2),
    "LogQuant": rule(quantizers.log_quant, 2, bits=int),
}
"""Functions of domain ``bitrill`` (see docs/format.md)."""

CHANNELS_LAST: dict[str, Rule] = {
    name: dataclasses.replace(
        STANDARD[name], apply=layouts.on_last(STANDARD[name].apply, weights=name == "Conv")
    )
    for name in ("BatchNormalization", "Conv", "MaxPool")
}
"""Operators of QONNX's channels-last domain that are accepted."""
