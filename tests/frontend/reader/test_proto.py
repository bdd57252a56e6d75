"""Files that are no sound model: refused in one line, before anything large is made."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill.errors import StorageError, ToolError, UnsupportedError
from bitrill.frontend import load_model
from bitrill.frontend.reader import limits
from frontend.onnx_models import Net, imported, save, small
from onnx import AttributeProto, TensorProto, helper, numpy_helper

Change = Callable[[onnx.ModelProto], object]


def model() -> onnx.ModelProto:
    net, out = small()
    return net.proto(out)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot read .*none.onnx: No such file"):
        load_model(tmp_path / "none.onnx")


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(StorageError, match=r"cannot read .*null"):
        load_model("a\0b.onnx")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="it must be a file"):
        load_model(tmp_path)


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    with pytest.raises(StorageError, match="it must be a file"):
        load_model(tmp_path / "p")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").touch()
    with pytest.raises(UnsupportedError, match=r"m.onnx must be an ONNX model; it is empty"):
        load_model(tmp_path / "m.onnx")


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    for data in (b"PK\3\4 something", b"#!/bin/sh\nexit\n", b"\0" * 100, b"\xff" * 40, b"\x0a\x00"):
        path.write_bytes(data)
        with pytest.raises(UnsupportedError, match=r"m.onnx.* an ONNX model"):
            load_model(path)


def test_every_truncation(tmp_path: Path) -> None:
    data = model().SerializeToString()
    path = tmp_path / "m.onnx"
    for n in range(1, len(data), 7):
        path.write_bytes(data[:n])
        with pytest.raises(UnsupportedError, match=r"m.onnx"):
            load_model(path)


def test_names_must_be_utf8(tmp_path: Path) -> None:
    data = model().SerializeToString().replace(b"matmul", b"mat\xfful")
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(
        UnsupportedError, match=r"m.onnx(: every name must be UTF-8| must be an ONNX)"
    ):
        load_model(tmp_path / "m.onnx")


def test_without_the_package_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(model(), tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ToolError, match=r"pip install 'bitrill\[onnx\]'") as caught:
        load_model(path)
    assert caught.value.missing


def opset(*versions: int, domain: str = "") -> Change:
    def change(m: onnx.ModelProto) -> None:
        del m.opset_import[:]
        m.opset_import.extend(helper.make_opsetid(domain, v) for v in versions)

    return change


def remove(initializer: str) -> Change:
    def change(m: onnx.ModelProto) -> None:
        kept = [t for t in m.graph.initializer if t.name != initializer]
        del m.graph.initializer[:]
        m.graph.initializer.extend(kept)

    return change


def first_node(change: Callable[[onnx.NodeProto], object]) -> Change:
    return lambda m: change(m.graph.node[0])


def tensor(change: Callable[[TensorProto], object]) -> Change:
    """Change the first float initializer of several numbers."""
    return lambda m: change(next(t for t in m.graph.initializer if t.data_type == 1 and t.dims))


def cycle(m: onnx.ModelProto) -> None:
    m.graph.node[4].input[0] = m.graph.node[5].output[0]


def swap(m: onnx.ModelProto) -> None:
    nodes = list(m.graph.node)
    nodes[3], nodes[4] = nodes[4], nodes[3]
    del m.graph.node[:]
    m.graph.node.extend(nodes)


def typed(
    t: TensorProto, *, kind: int = 1, raw: bytes | None = None, **fields: list[float]
) -> None:
    t.ClearField("raw_data")
    t.data_type = kind
    if raw is not None:
        t.raw_data = raw
    for name, values in fields.items():
        getattr(t, name).extend(values)


def set_dims(*dims: int) -> Callable[[TensorProto], object]:
    return lambda t: t.ClearField("dims") or t.dims.extend(dims)


def number(value: float) -> Callable[[TensorProto], object]:
    def change(t: TensorProto) -> None:
        a = np.array(numpy_helper.to_array(t))
        a.reshape(-1)[-1] = value
        t.raw_data = a.tobytes()

    return change


def attribute(**fields: object) -> Change:
    return first_node(lambda n: n.attribute.add(name="odd", **fields))  # type: ignore[arg-type]


def input_dims(*dims: int | str | None) -> Change:
    def change(m: onnx.ModelProto) -> None:
        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)
        m.graph.input[0].CopyFrom(value)

    return change


CASES: dict[str, tuple[Change, str]] = {
    "no graph": (lambda m: m.ClearField("graph"), "must have a graph with nodes; there is none"),
    "no nodes": (
        lambda m: m.graph.ClearField("node"),
        "must have a graph with nodes; there is none",
    ),
    "functions": (
        lambda m: m.functions.add(name="f"),
        "function 'f' of domain '' is not accepted; only IntSoftmax, L1Conv, L1MatMul, LogQuant",
    ),
    "sparse": (lambda m: m.graph.sparse_initializer.add(), "sparse initializers are not accepted"),
    "no ir version": (
        lambda m: m.ClearField("ir_version"),
        "the IR version must be 3 to 14, not 0",
    ),
    "new ir version": (
        lambda m: setattr(m, "ir_version", 15),
        "the IR version must be 3 to 14, not 15",
    ),
    "no opset": (opset(), r"the model must declare its opset \(7 to 25\)"),
    "opset of another domain": (opset(11, domain="ai.onnx.ml"), "the model must declare its opset"),
    "old opset": (opset(6), "the opset must be 7 to 25, not 6"),
    "new opset": (opset(26), "the opset must be 7 to 25, not 26"),
    "negative opset": (opset(-1), "the opset must be 7 to 25, not -1"),
    "two opsets": (opset(9, 13), r"the model must declare one opset, not \[9, 13\]"),
    "removed initializer": (
        remove("c3"),
        "Quant node 'quant1' reads 'c3', which no node, input or init",
    ),
    "removed node": (
        lambda m: m.graph.node.pop(2),
        "reads 't2', which no node, input or initializer defines",
    ),
    "removed input": (
        lambda m: m.graph.ClearField("input"),
        "must have one input besides initializers, not 0: none",
    ),
    "two inputs": (
        lambda m: m.graph.input.add(name="y"),
        "must have one input besides initializers, not 2: 'x', 'y'; a design has one input stream",
    ),
    "same input twice": (lambda m: m.graph.input.add(name="x"), "two inputs have the same name"),
    "no output": (
        lambda m: m.graph.ClearField("output"),
        "the model must have 1 to 64 outputs of different names, not 0",
    ),
    "same output twice": (
        lambda m: m.graph.output.add(name=m.graph.output[0].name),
        "the model must have 1 to 64 outputs of different names, not 2",
    ),
    "unknown output": (
        lambda m: setattr(m.graph.output[0], "name", "q"),
        "the output 'q' is not the result of a node",
    ),
    "input as output": (
        lambda m: setattr(m.graph.output[0], "name", "x"),
        "the output 'x' is not the result of a node",
    ),
    "two writers": (
        lambda m: m.graph.node.append(m.graph.node[3]),
        "tensor 't3' has two writers: .*transpose3.* and .*transpose3",
    ),
    "writer of an initializer": (
        first_node(lambda n: n.output.__setitem__(0, "c3")),
        "tensor 'c3' has two writers: the model's inputs or init",
    ),
    "node without output": (
        first_node(lambda n: n.ClearField("output")),
        "reshape0' has no result",
    ),
    "cycle": (
        cycle,
        "the graph must have no cycle; one runs through or before MatMul node 'matmul4'",
    ),
    "self": (lambda m: m.graph.node[4].input.__setitem__(0, "t4"), "the graph must have no cycle"),
    "not sorted": (
        swap,
        "nodes must be sorted: MatMul node 'matmul4' reads 't3', which Transpose node",
    ),
    "initializer twice": (
        lambda m: m.graph.initializer.append(m.graph.initializer[2]),
        "two initializers are named 'c2'",
    ),
    "initializer without name": (
        lambda m: m.graph.initializer[2].ClearField("name"),
        "an initializer has no name",
    ),
    "NaN": (tensor(number(np.nan)), "tensor 'c4' must be finite, but holds NaN or infinity"),
    "infinity": (tensor(number(-np.inf)), "tensor 'c4' must be finite, but holds NaN or infinity"),
    "strings": (
        tensor(lambda t: setattr(t, "data_type", 8)),
        "tensor 'c4' must have floats of 16, 32 or 64 bits or integers, not STRING",
    ),
    "unknown type": (
        tensor(lambda t: setattr(t, "data_type", 99)),
        "tensor 'c4' must have floats .* not type 99",
    ),
    "bfloat16": (
        tensor(lambda t: setattr(t, "data_type", 16)),
        "tensor 'c4' must have floats .* not BFLOAT16",
    ),
    "rank": (tensor(set_dims(*[1] * 9)), "tensor 'c4' must have at most 8 axes, not 9"),
    "huge": (tensor(set_dims(1 << 40, 1 << 40)), "tensor 'c4' must have at most 16777216 elements"),
    "huge and empty": (
        tensor(set_dims(1 << 62, -1)),
        "tensor 'c4' must have at most 16777216 elements",
    ),
    "negative size": (tensor(set_dims(-1, -6)), "tensor 'c4' must have at most"),
    "short": (tensor(set_dims(5, 7)), "tensor 'c4' must have 140 bytes, not 120"),
    "short list": (
        tensor(lambda t: typed(t, float_data=[1.0, 2.0])),
        "tensor 'c4' must have 30 values, not 2",
    ),
    "no values": (
        tensor(lambda t: t.ClearField("raw_data")),
        "tensor 'c4' must have 30 values, not 0",
    ),
    "wrong list": (
        tensor(lambda t: typed(t, int64_data=[1] * 30)),
        "tensor 'c4' must have its values in float_data, not int64_data",
    ),
    "two lists": (
        tensor(lambda t: t.float_data.append(1.0)),
        "must have its values in one place, not in float_data, raw_data",
    ),
    "segment": (tensor(lambda t: t.segment.SetInParent()), "must have its values in one place"),
    "int8 out of range": (
        tensor(lambda t: typed(t, kind=3, int32_data=[200] * 30)),
        r"tensor 'c4' must have values of INT8, not 200\.\.200",
    ),
    "half out of range": (
        tensor(lambda t: typed(t, kind=10, int32_data=[1 << 16] * 30)),
        "tensor 'c4' must have values of FLOAT16",
    ),
    "uint64": (
        tensor(lambda t: typed(t, kind=13, raw=b"\xff" * 240)),
        r"tensor 'c4' must have integers below 2\*\*63",
    ),
    "attribute twice": (
        attribute(type=AttributeProto.INT)
        and (lambda m: [m.graph.node[3].attribute.append(m.graph.node[3].attribute[0])]),
        "node 3 .'Transpose'.: attribute 'perm' is given twice",
    ),
    "reference": (
        attribute(type=AttributeProto.INT, ref_attr_name="a"),
        "attribute 'odd' must be a value, not a reference",
    ),
    "graph attribute": (
        attribute(type=AttributeProto.GRAPH),
        "its attributes must be among none, not 'odd'",
    ),
    "untyped attribute": (
        lambda m: m.graph.node[3].attribute[0].ClearField("type"),
        "attribute perm has the wrong type",
    ),
    "input of integers": (
        lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 7),
        "the input 'x' must have floats or integers of at most 16 bits, not INT64",
    ),
    "input without type": (
        lambda m: m.graph.input[0].ClearField("type"),
        "the input 'x' must be a tensor of known shape",
    ),
    "input without shape": (
        lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"),
        "the input 'x' must be a tensor of known shape",
    ),
    "input without batch": (
        input_dims(6),
        "the input 'x' must have 2 to 8 axes, the first for the batch, not 1",
    ),
    "free input": (
        input_dims(1, 1, "H", 3),
        r"must have fixed sizes of at least 1 after the batch axis, not \[1, 1, None, 3\]",
    ),
    "empty input": (input_dims(1, 1, 0, 3), "must have fixed sizes of at least 1 after the batch"),
    "no batch": (input_dims(0, 1, 2, 3), "must have fixed sizes of at least 1 after the batch"),
    "huge input": (
        input_dims(1, 1 << 11, 1 << 10),
        "the input 'x' must have at most 1048576 elements, not 2097152",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    change, message = CASES[case]
    proto = model()
    change(proto)
    with pytest.raises(UnsupportedError, match=message) as caught:
        imported(proto, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("FILE_BYTES", 100, "net.onnx must have at most 100 bytes, not"),
        ("MESSAGES", 50, "net.onnx must have at most 50 parts; it has more"),
        ("NODES", 3, "nodes must be at most 3, not 12"),
        ("NODE_ITEMS", 3, "node 1: inputs, outputs and attributes must be at most 3 each, not 4"),
        ("ATTRIBUTE_ITEMS", 1, r"node 3 .* attribute 'perm' must have at most 1 elements, not 2"),
        ("TOTAL_ELEMENTS", 20, "all constants together must have at most 20 elements"),
    ],
)
def test_sizes_beyond_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    monkeypatch.setattr(limits, limit, value)
    with pytest.raises(UnsupportedError, match=message):
        imported(model(), tmp_path)


def test_lists_of_numbers_are_read_as_raw_bytes_are(tmp_path: Path) -> None:
    proto = model()
    want = imported(proto, tmp_path)
    for t in proto.graph.initializer:
        values = numpy_helper.to_array(t).reshape(-1)
        if t.data_type == TensorProto.FLOAT:
            typed(t, float_data=values.tolist())
    got = imported(proto, tmp_path)
    assert np.array_equal(got.nodes[0].weights, want.nodes[0].weights)  # type: ignore[attr-defined]
    assert got.sink.scale == want.sink.scale


def test_metadata_and_domains_that_hold_code_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    proto = model()
    proto.metadata_props.add(key="layout", value=code)
    proto.doc_string = code
    annotation = proto.graph.quantization_annotation.add(tensor_name="x")
    for key in ("tensor_layout", "tensor_sparsity", "finn_datatype"):
        annotation.quant_parameter_tensor_names.add(key=key, value=code)
    imported(proto, tmp_path)
    (tmp_path / "evil.py").write_text(code)
    proto.graph.node[5].domain = "evil"
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(
            UnsupportedError, match=r"its domain must be ONNX's own or .*, not 'evil'"
        ):
            imported(proto, tmp_path)
    finally:
        sys.path.remove(str(tmp_path))
    assert not mark.exists()
    assert "evil" not in sys.modules


def test_hostile_names_stay_in_one_line_and_become_legal(tmp_path: Path) -> None:
    hostile = ["a\nb; rm -rf /", "module", '$display("x")', "../../etc/passwd", "é" * 300, "input"]
    proto = model()
    for node, name in zip(proto.graph.node, hostile * 3, strict=False):
        node.name = name
    graph = imported(proto, tmp_path)
    for node in graph:
        assert node.name.isascii()
        assert node.name.replace("_", "a").isalnum()
    assert len({n.name for n in graph}) == len(graph.nodes)
    proto.graph.node[5].op_type = "Odd\nop\x1b[31m"
    proto.graph.node[5].name = "x\ny" * 100
    with pytest.raises(
        UnsupportedError, match=r"Odd\\nop\\x1b\[31m node 'x\\ny.*\.\.\.'"
    ) as caught:
        imported(proto, tmp_path)
    assert str(caught.value).isprintable()


def test_long_chains_take_linear_time(tmp_path: Path) -> None:
    """9,000 nodes; quadratic walks are refused by the test's own patience."""
    net = Net(1, 6)
    x = net.dense(net.quant("x", 0.5), 6, 4)
    for _ in range(9_000):
        x = net.node("Identity", x)
    assert len(imported(net.proto(x), tmp_path).nodes) == 1
