"""The input's grid: of integer types and qonnx's annotations in the file, of lists by channel."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from bitrill.errors import SpecError, UnsupportedError
from bitrill.frontend.reader.input_grid import of_datatype
from bitrill.ir import BIPOLAR, IntType
from bitrill.ir.serialisation import to_parts
from bitrill.lowering import to_integer
from frontend.agreement import agrees
from frontend.onnx_models import Net, imported
from onnx import TensorProto

F = Fraction

MEAN, DEVIATION = (F("0.485"), F("0.456"), F("0.406")), (F("0.229"), F("0.224"), F("0.225"))
SCALES = tuple(1 / (255 * d) for d in DEVIATION)
OFFSETS = tuple(-m / d for m, d in zip(MEAN, DEVIATION, strict=True))


def typed(net: Net, out: str, kind: int) -> onnx.ModelProto:
    """The model, its input of another element type."""
    proto = net.proto(out)
    proto.graph.input[0].type.tensor_type.elem_type = kind
    return proto


def annotated(net: Net, out: str, datatype: str, key: str = "finn_datatype") -> onnx.ModelProto:
    """The model with qonnx's annotation of its input."""
    proto = net.proto(out)
    annotation = onnx.TensorAnnotation(tensor_name="x")
    annotation.quant_parameter_tensor_names.append(
        onnx.StringStringEntryProto(key=key, value=datatype)
    )
    proto.graph.quantization_annotation.append(annotation)
    return proto


def of_cast(net: Net) -> str:
    """Cast, as a model that takes pixels begins, and the usual normalisation by channel."""
    x = net.node("Cast", "x", to=TensorProto.FLOAT)
    x = net.node("Div", x, net.const(255))
    mean, deviation = ([[[float(v)]] for v in values] for values in (MEAN, DEVIATION))
    return net.node("Div", net.node("Sub", x, net.const(mean)), net.const(deviation))


def convolved(net: Net, x: str, **attributes: Any) -> str:
    return net.conv(x, 2, 3, 3, 3, quant={"scale": 0.2}, **attributes)


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        (TensorProto.UINT8, IntType(0, 255)),
        (TensorProto.INT8, IntType(-128, 127)),
        (TensorProto.UINT16, IntType(0, 65535)),
        (TensorProto.INT16, IntType(-32768, 32767)),
    ],
)
def test_of_integer_types(kind: int, type_: IntType, tmp_path: Path) -> None:
    net = Net(1, 3, 4, 5)
    x = net.quant(of_cast(net), 0.1, bits=6.0)
    proto = typed(net, convolved(net, x, pads=[1, 1, 1, 1]), kind)
    graph = imported(proto, tmp_path)
    assert (graph.source.tensor.type, graph.source.raw_scale) == (type_, "1")
    assert graph.source.quantizer is None
    assert agrees(graph, proto, n=10) >= 8


def test_straight_into_a_layer(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.node("Mul", net.node("Cast", "x", to=TensorProto.FLOAT), net.const(0.25))
    graph = imported(typed(net, net.dense(x, 6, 3), TensorProto.INT8), tmp_path)
    assert agrees(graph, typed(net, net.nodes[-1].output[0], TensorProto.INT8), n=10) == 10


def test_integers_must_be_cast_before_arithmetic(tmp_path: Path) -> None:
    net = Net(1, 6)
    proto = typed(net, net.dense(net.quant("x", 0.25), 6, 3), TensorProto.UINT8)
    with pytest.raises(UnsupportedError, match="must be real numbers, not integers of type uint8"):
        imported(proto, tmp_path)


def test_a_type_allows_no_other_grid(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.quant(net.node("Cast", "x", to=TensorProto.FLOAT), 0.25)
    proto = typed(net, net.dense(x, 6, 3), TensorProto.UINT8)
    with pytest.raises(UnsupportedError, match="its input has integers of type uint8; no other"):
        imported(proto, tmp_path, raw_input=IntType(0, 255), raw_scale=F(1, 255))


@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL])
def test_types_that_are_too_wide_or_no_numbers(kind: int, tmp_path: Path) -> None:
    net = Net(1, 6)
    proto = typed(net, net.dense(net.quant("x", 0.25), 6, 3), kind)
    with pytest.raises(UnsupportedError, match="must have floats or integers of at most 16 bits"):
        imported(proto, tmp_path)


@pytest.mark.parametrize(
    ("text", "type_", "scale"),
    [
        ("UINT8", IntType(0, 255), "1"),
        ("INT4", IntType(-8, 7), "1"),
        ("BINARY", IntType(0, 1), "1"),
        ("TERNARY", IntType(-1, 1), "1"),
        ("BIPOLAR", BIPOLAR, "1"),
        ("FIXED<8,4>", IntType(-128, 127), "1/16"),
        ("FIXED<4,6>", IntType(-8, 7), "4"),
        ("FIXED<4,-1>", IntType(-8, 7), "1/32"),
    ],
)
def test_of_annotations(text: str, type_: IntType, scale: str, tmp_path: Path) -> None:
    """Where no quantizer comes first, the annotation says which integers the model takes."""
    net = Net(1, 6)
    proto = annotated(net, net.dense("x", 6, 3, bits=3.0), text)
    graph = imported(proto, tmp_path)
    assert (graph.source.tensor.type, graph.source.raw_scale) == (type_, scale)
    assert agrees(graph, proto, n=10) == 10


def test_annotations_are_as_qonnx_means_them() -> None:
    datatype = pytest.importorskip("qonnx.core.datatype").DataType
    for text in ("UINT3", "INT9", "BINARY", "BIPOLAR", "TERNARY", "FIXED<8,4>", "FIXED<6,1>"):
        grid, want = of_datatype(text), datatype[text]
        assert grid is not None
        assert (grid.type.lo * grid.scale, grid.type.hi * grid.scale) == (want.min(), want.max())


@pytest.mark.parametrize(
    "text", ["FLOAT32", "SCALEDINT<8>", "INT32", "UINT0", "FIXED<99,1>", "__import__('os')", ""]
)
def test_other_annotations_say_nothing(text: str, tmp_path: Path) -> None:
    net = Net(1, 6)
    proto = annotated(net, net.dense("x", 6, 3), text)
    with pytest.raises(UnsupportedError, match="it takes unquantized floats; quantize the model's"):
        imported(proto, tmp_path)


def test_a_quantizer_of_floats_comes_before_an_annotation(tmp_path: Path) -> None:
    net = Net(1, 6)
    proto = annotated(net, net.dense(net.quant("x", 0.25), 6, 3), "UINT8")
    assert imported(proto, tmp_path).source.quantizer is not None


def test_mean_and_deviation_by_channel(tmp_path: Path) -> None:
    """Raw pixels with a scale and an offset for each channel, as images of either layout."""
    raw = {"raw_input": IntType(0, 255), "raw_scale": SCALES, "raw_offset": OFFSETS}
    net = Net(1, 3, 4, 5)
    proto = net.proto(convolved(net, net.quant("x", 0.1, bits=6.0), pads=[1, 1, 1, 1]))
    graph = imported(proto, tmp_path, **raw)
    assert graph.source.raw_scale == tuple(map(str, SCALES))
    assert graph.source.raw_offset == tuple(map(str, OFFSETS))
    assert str(graph.source).endswith("plus -485/229, -57/28, -406/225")
    assert agrees(graph, proto, n=10) >= 8
    net = Net(1, 4, 5, 3)
    last = net.node("Transpose", net.quant("x", 0.1, bits=6.0), perm=[0, 3, 1, 2])
    proto = net.proto(convolved(net, last, pads=[1, 1, 1, 1]))
    other = imported(proto, tmp_path, **raw)
    assert other.source.channel_last
    assert agrees(other, proto, n=10) >= 8
    x = np.random.default_rng(3).integers(0, 256, (4, 3, 4, 5))
    want = to_integer(graph).run(x)
    assert np.array_equal(to_integer(other).run(np.moveaxis(x, 1, -1)), want)


def test_lists_go_by_the_first_axis_of_what_is_flattened(tmp_path: Path) -> None:
    net = Net(1, 3, 2, 2)
    x = net.node("Flatten", net.quant("x", 0.1, bits=6.0))
    proto = net.proto(net.dense(x, 12, 3))
    raw = {"raw_input": IntType(0, 255), "raw_scale": F(1, 255), "raw_offset": OFFSETS}
    graph = imported(proto, tmp_path, **raw)
    assert graph.source.raw_scale == "1/255"
    assert len(graph.source.raw_offset or ()) == 12
    assert agrees(graph, proto, n=10) >= 8


def test_files_tell_an_offset_only_where_there_is_one(tmp_path: Path) -> None:
    net = Net(1, 6)
    proto = net.proto(net.dense(net.quant("x", 0.25), 6, 3))
    raw = {"raw_input": IntType(0, 255), "raw_scale": F(1, 255)}
    plain = to_parts(imported(proto, tmp_path, **raw))[0]["graph"]["source"]
    assert "raw_offset" not in plain
    shifted = to_parts(imported(proto, tmp_path, **raw, raw_offset=F(-1, 2)))[0]["graph"]["source"]
    assert shifted == plain | {"raw_offset": "-1/2"}


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        (
            {"raw_scale": SCALES[:2]},
            UnsupportedError,
            "the input's scale must be one number or 3, one for each channel, not 2",
        ),
        (
            {"raw_offset": OFFSETS * 2},
            UnsupportedError,
            "the input's offset must be one number or 3, one for each channel, not 6",
        ),
        ({"raw_scale": [F(1), F(0), F(1)]}, SpecError, "raw_scale must be above 0, not 0"),
        ({"raw_scale": []}, SpecError, "raw_scale and raw_offset must have at least one number"),
        (
            {"raw_input": None, "raw_scale": None, "raw_offset": F(1)},
            SpecError,
            "raw_offset must come with raw_input and raw_scale",
        ),
    ],
)
def test_wrong_lists(options: Any, error: type[Exception], reason: str, tmp_path: Path) -> None:
    net = Net(1, 3, 4, 5)
    proto = net.proto(convolved(net, net.quant("x", 0.1)))
    with pytest.raises(error) as caught:
        imported(proto, tmp_path, **{"raw_input": IntType(0, 255), "raw_scale": F(1)} | options)
    assert reason in str(caught.value)


def test_padding_needs_the_real_zero_on_the_grid(tmp_path: Path) -> None:
    """A mean that is no pixel's value is no border of zeros; behind a quantizer there is one."""
    net = Net(1, 3, 4, 5)
    proto = net.proto(convolved(net, "x", pads=[1, 1, 1, 1]))
    raw = {"raw_input": IntType(0, 255), "raw_scale": F(1, 255)}
    with pytest.raises(UnsupportedError, match="its padding with 0 must lie on the grid of its da"):
        imported(proto, tmp_path, **raw, raw_offset=OFFSETS)
    graph = imported(proto, tmp_path, **raw, raw_offset=F(-128, 255))
    assert agrees(graph, proto, n=10) == 10
