"""Reads a model file into a `Model`: ``onnx``'s protobuf parses it, this module checks it.

Nothing in the file is evaluated or imported, and nothing outside its folder is opened. Metadata are
not read; domains are only compared with known ones.
"""

from __future__ import annotations

import math
import stat
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from ...errors import StorageError, ToolError, UnsupportedError
from ...storage import read_bytes
from . import limits
from .bodies import Bodies, faults
from .input_grid import InputGrid, of_annotations, of_element_type
from .local_functions import STANDARD
from .message_count import count_messages
from .model import Attribute, Declared, Model, Node
from .names import shown, text
from .tensors import TensorReader
from .wiring import check_structure, needed_nodes

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, NodeProto, ValueInfoProto

OPSETS = range(7, 26)
"""Accepted versions of ONNX's own operators."""

IR_VERSIONS = range(3, 15)
"""Accepted versions of the file format."""

_NUMPY = {"FLOAT": "float32", "DOUBLE": "float64"}
"""Names of element types in numpy that are not ONNX's names in lower case."""

QUANT_DOMAINS = ("onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general")


def read_model(path: Path, bodies: Bodies) -> Model:
    """Read the model in the file ``path``; ``bodies``: the local functions that it may contain.

    Raises `StorageError` if it cannot be read, `UnsupportedError` with all faults if it is refused,
    `ToolError` if the package ``onnx`` is missing.
    """
    path = Path(path)
    data = _read(path)
    onnx, damaged = _onnx()
    count_messages(data, name=path.name)
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
        return _Parser(onnx, path, proto, bodies).model()
    except UnicodeDecodeError as error:
        raise UnsupportedError(f"{path.name}: every name must be UTF-8") from error
    except damaged as error:
        raise UnsupportedError(
            f"{path.name} must be an ONNX model; it is cut short or damaged"
        ) from error


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise StorageError(f"cannot read {path}: {why}") from error
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(f"cannot read {path}: it must be a file")
    if status.st_size > limits.FILE_BYTES:
        raise UnsupportedError(
            f"{path.name} must have at most {limits.FILE_BYTES} bytes, not {status.st_size}"
        )
    if status.st_size == 0:
        raise UnsupportedError(f"{path.name} must be an ONNX model; it is empty")
    return read_bytes(path)


def _onnx() -> tuple[ModuleType, type[Exception]]:
    """Return the package ``onnx``, and the error that its protobuf raises."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise ToolError(
            "reading a model needs the package onnx: pip install 'bitrill[onnx]'", missing=True
        ) from error
    return onnx, DecodeError


class _Parser:
    """Converts one protobuf message to plain Python objects."""

    def __init__(self, onnx: ModuleType, path: Path, proto: ModelProto, bodies: Bodies):
        self.onnx, self.path, self.proto, self.graph = onnx, path, proto, proto.graph
        self.bodies = bodies
        self.tensors = TensorReader(onnx, path.absolute().parent)

    def fail(self, reasons: str | list[str]) -> UnsupportedError:
        """Return an error in which each reason begins with the file's name."""
        listed = [reasons] if isinstance(reasons, str) else reasons
        return UnsupportedError([f"{self.path.name}: {r}" for r in listed])

    def model(self) -> Model:
        """Return the whole model, or raise `UnsupportedError` with what is wrong."""
        self._check_sizes()
        opset, reasons = self._versions()
        constants = self._constants()
        nodes = tuple(self._node(i, n) for i, n in enumerate(self.graph.node))
        inputs = [i for i in self.graph.input if text(i.name) not in constants]
        outputs = [text(o.name) for o in self.graph.output]
        reasons += faults(self.proto, {n.domain for n in nodes}, opset, self.bodies)
        broken = check_structure(nodes, [i.name for i in inputs], set(constants), outputs)
        if len(inputs) != 1:
            given = ", ".join(shown(i.name) for i in inputs[:8]) or "none"
            broken.insert(
                0,
                f"the model must have one input besides initializers, not {len(inputs)}: {given}"
                + ("; a design has one input stream" if len(inputs) > 1 else ""),
            )
        if not 1 <= len(outputs) <= limits.OUTPUTS or len({*outputs}) != len(outputs):
            broken.insert(
                0,
                f"the model must have 1 to {limits.OUTPUTS} outputs of different names,"
                f" not {len(outputs)}",
            )
        if broken:
            raise self.fail(broken)
        batch, shape, grid = self._input(inputs[0])
        used = needed_nodes(nodes, outputs)
        return Model(
            self.path,
            opset,
            inputs[0].name,
            batch,
            shape,
            grid,
            tuple(map(self._declared, self.graph.output)),
            used,
            constants,
            {v.name: self._declared(v) for v in self.graph.value_info},
            tuple(f"{self.path.name}: {r}" for r in reasons),
        )

    def _check_sizes(self) -> None:
        if not self.proto.HasField("graph") or not self.graph.node:
            raise self.fail("an ONNX model must have a graph with nodes; there is none")
        if len(self.graph.node) > limits.NODES:
            raise self.fail(f"nodes must be at most {limits.NODES}, not {len(self.graph.node)}")
        for i, node in enumerate(self.graph.node):
            most = max(len(node.input), len(node.output), len(node.attribute))
            if most > limits.NODE_ITEMS:
                raise self.fail(
                    f"node {i}: inputs, outputs and attributes must be at most"
                    f" {limits.NODE_ITEMS} each, not {most}"
                )
        if len(self.graph.sparse_initializer):
            raise self.fail("sparse initializers are not accepted; export dense ones")

    def _versions(self) -> tuple[int, list[str]]:
        """Return the opset, and what is wrong with the versions."""
        reasons: list[str] = []
        version = self.proto.ir_version
        if version not in IR_VERSIONS:
            reasons.append(
                f"the IR version must be {IR_VERSIONS[0]} to {IR_VERSIONS[-1]}, not {version}"
            )
        opsets = [o.version for o in self.proto.opset_import if o.domain in STANDARD]
        if not opsets:
            reasons.append(f"the model must declare its opset ({OPSETS[0]} to {OPSETS[-1]})")
        elif len(set(opsets)) > 1:
            reasons.append(f"the model must declare one opset, not {sorted(set(opsets))}")
        elif opsets[0] not in OPSETS:
            reasons.append(f"the opset must be {OPSETS[0]} to {OPSETS[-1]}, not {opsets[0]}")
        return (opsets[0] if opsets else OPSETS[-1]), reasons

    def _constants(self) -> dict[str, np.ndarray]:
        constants: dict[str, np.ndarray] = {}
        for tensor in self.graph.initializer:
            if not text(tensor.name):
                raise self.fail("an initializer has no name")
            if tensor.name in constants:
                raise self.fail(f"two initializers are named {shown(tensor.name)}")
            constants[tensor.name] = self.tensors.read(tensor, tensor.name)
        return constants

    def _input(self, value: ValueInfoProto) -> tuple[int | None, tuple[int, ...], InputGrid | None]:
        """Return the batch's size, the shape of one frame, and the grid that the file states."""
        what = f"the input {shown(value.name)}"
        kind, types = value.type.tensor_type, self.onnx.TensorProto
        if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
            raise self.fail(f"{what} must be a tensor of known shape")
        if kind.elem_type in (types.FLOAT, types.DOUBLE, types.FLOAT16):
            grid = of_annotations(self.graph.quantization_annotation, value.name)
        else:
            given = self.tensors.type_name(kind.elem_type)
            grid = of_element_type(given)
            if grid is None:
                most = f"integers of at most {limits.ACTIVATION_BITS} bits"
                raise self.fail(f"{what} must have floats or {most}, not {given}")
        dims = kind.shape.dim
        if not 2 <= len(dims) <= limits.RANK:
            raise self.fail(
                f"{what} must have 2 to {limits.RANK} axes, the first for the batch,"
                f" not {len(dims)}"
            )
        sizes = [d.dim_value if d.HasField("dim_value") else None for d in dims]
        if any(s is None or s < 1 for s in sizes[1:]) or (sizes[0] is not None and sizes[0] < 1):
            raise self.fail(
                f"{what} must have fixed sizes of at least 1 after the batch axis, not {sizes}"
            )
        total = math.prod(s or 1 for s in sizes)
        if total > limits.INPUT_ELEMENTS:
            raise self.fail(
                f"{what} must have at most {limits.INPUT_ELEMENTS} elements, not {total}"
            )
        return sizes[0], tuple(s for s in sizes[1:] if s is not None), grid

    def _declared(self, value: ValueInfoProto) -> Declared:
        """Return the declaration of a tensor; kinds that no network here gives are left out."""
        kind, types = value.type.tensor_type, self.onnx.TensorProto
        if not value.type.HasField("tensor_type"):
            return Declared(value.name, "", None)
        shape = None
        if (
            kind.HasField("shape") and kind.shape.dim
        ):  # no axes: it tells nothing, not even the batch
            dims = kind.shape.dim
            shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in dims)
        name = self.tensors.type_name(kind.elem_type)
        known = kind.elem_type != types.UNDEFINED
        return Declared(value.name, _NUMPY.get(name, name.lower()) if known else "", shape)

    def _node(self, index: int, proto: NodeProto) -> Node:
        attributes: dict[str, Attribute] = {}
        label = f"node {index} ({shown(text(proto.op_type))})"
        for a in proto.attribute:
            if text(a.name) in attributes:
                raise self.fail(f"{label}: attribute {shown(a.name)} is given twice")
            attributes[a.name] = self._attribute(a, f"{label}: attribute {shown(a.name)}")
        return Node(
            index,
            text(proto.name),
            text(proto.op_type),
            text(proto.domain),
            tuple(map(text, proto.input)),
            tuple(map(text, proto.output)),
            attributes,
        )

    def _attribute(self, a: AttributeProto, what: str) -> Attribute:
        kinds = self.onnx.AttributeProto
        lists = {kinds.INTS: a.ints, kinds.FLOATS: a.floats, kinds.STRINGS: a.strings}
        if a.ref_attr_name:
            raise self.fail(f"{what} must be a value, not a reference")
        if a.type in lists:
            if len(lists[a.type]) > limits.ATTRIBUTE_ITEMS:
                raise self.fail(
                    f"{what} must have at most {limits.ATTRIBUTE_ITEMS} elements,"
                    f" not {len(lists[a.type])}"
                )
            return tuple(v.decode() if isinstance(v, bytes) else v for v in lists[a.type])
        if a.type == kinds.INT:
            return a.i
        if a.type == kinds.FLOAT:
            return a.f
        if a.type == kinds.STRING:
            return a.s.decode()
        if a.type == kinds.TENSOR:
            return self.tensors.read(a.t, what)
        return None  # graphs and the like: no accepted operator has one, so it will be refused
