"""Nodes of every accepted operator, each attribute at its default and at other legal values."""

from __future__ import annotations

from bitrill.frontend.reader.functions import DOMAIN
from bitrill.frontend.rules.table import CHANNELS_LAST, QONNX
from frontend.attributes.arithmetic import (
    batch_norm,
    clip,
    elementwise,
    extreme,
    gemm,
    leaky,
    matmul,
    plain,
    power,
    prelu,
    total,
    unary,
)
from frontend.attributes.cases import IMAGE, Cases, f, node
from frontend.attributes.ends import (
    arg,
    bipolar,
    l1_matmul,
    log_quant,
    max_pool_last,
    multi_threshold,
    quant,
    softmax,
    top_k,
    trunc,
)
from frontend.attributes.functions import FUNCTIONS
from frontend.attributes.integers import INTEGERS
from frontend.attributes.places import conv, conv_transpose, depth, pad, pool, reduction, resize
from frontend.attributes.shapes import (
    cast,
    concat,
    constant,
    dropout,
    flatten,
    gather,
    reshape,
    shape,
    slice_,
    split,
    squeeze,
    transpose,
    unsqueeze,
)

CASES: dict[tuple[str, str], Cases] = (
    INTEGERS
    | FUNCTIONS
    | {
        ("", "Add"): elementwise("Add"),
        ("", "ArgMax"): arg("ArgMax"),
        ("", "ArgMin"): arg("ArgMin"),
        ("", "AveragePool"): pool("AveragePool"),
        ("", "BatchNormalization"): batch_norm,
        ("", "Cast"): cast,
        ("", "Ceil"): unary("Ceil", f(1.5, -2.25, 3, 0.1, -0.5, 6)),
        ("", "Clip"): clip,
        ("", "Concat"): concat,
        ("", "Constant"): constant,
        ("", "Conv"): conv,
        ("", "ConvTranspose"): conv_transpose,
        ("", "DepthToSpace"): depth("DepthToSpace"),
        ("", "Div"): elementwise("Div"),
        ("", "Dropout"): dropout,
        ("", "Flatten"): flatten,
        ("", "Floor"): unary("Floor", f(1.5, -2.25, 3, 0.1, -0.5, 6)),
        ("", "Gather"): gather,
        ("", "Gemm"): gemm,
        ("", "GlobalAveragePool"): lambda o: [node("GlobalAveragePool", shape=IMAGE)],
        ("", "GlobalMaxPool"): lambda o: [node("GlobalMaxPool", shape=IMAGE)],
        ("", "Identity"): plain("Identity"),
        ("", "LeakyRelu"): leaky,
        ("", "LogSoftmax"): softmax("LogSoftmax"),
        ("", "MatMul"): matmul,
        ("", "Max"): extreme("Max"),
        ("", "MaxPool"): pool("MaxPool"),
        ("", "Mean"): total("Mean"),
        ("", "Min"): extreme("Min"),
        ("", "Mul"): elementwise("Mul"),
        ("", "Neg"): plain("Neg"),
        ("", "PRelu"): prelu,
        ("", "Pad"): pad,
        ("", "Pow"): power,
        ("", "Reciprocal"): unary("Reciprocal", f(0.5, 4, -2, 8, 1, 0.25)),
        ("", "ReduceMax"): reduction("ReduceMax", 18),
        ("", "ReduceMean"): reduction("ReduceMean", 18),
        ("", "ReduceMin"): reduction("ReduceMin", 18),
        ("", "ReduceSum"): reduction("ReduceSum", 13),
        ("", "Relu"): plain("Relu"),
        ("", "Reshape"): reshape,
        ("", "Resize"): resize,
        ("", "Shape"): shape,
        ("", "Slice"): slice_,
        ("", "Softmax"): softmax("Softmax"),
        ("", "SpaceToDepth"): depth("SpaceToDepth"),
        ("", "Split"): split,
        ("", "Sqrt"): unary("Sqrt", f(4, 2, 0.25, 9, 16, 3)),
        ("", "Squeeze"): squeeze,
        ("", "Sum"): total("Sum"),
        ("", "Sub"): elementwise("Sub"),
        ("", "TopK"): top_k,
        ("", "Transpose"): transpose,
        ("", "Unsqueeze"): unsqueeze,
        ("", "Upsample"): resize,
        (DOMAIN, "L1MatMul"): l1_matmul,
        (DOMAIN, "LogQuant"): log_quant,
        (CHANNELS_LAST, "BatchNormalization"): lambda o: batch_norm(o, CHANNELS_LAST),
        (CHANNELS_LAST, "Conv"): lambda o: conv(o, CHANNELS_LAST),
        (CHANNELS_LAST, "MaxPool"): max_pool_last,
        (QONNX, "BipolarQuant"): bipolar,
        (QONNX, "IntQuant"): quant("IntQuant"),
        (QONNX, "MultiThreshold"): multi_threshold,
        (QONNX, "Quant"): quant("Quant"),
        (QONNX, "Trunc"): trunc,
    }
)
"""Cases by domain and operator, for a given opset."""
