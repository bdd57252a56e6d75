"""Executes QONNX networks, node by node: qonnx runs quantizers, onnxruntime the rest.

qonnx's own executor does the same; this one also keeps every tensor, accepts any batch size, and
can replace each quantizer's output with given values, so that two sides are compared on equal
inputs. qonnx trusts the files it reads: run only your own files, or those of someone you trust.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from ..errors import BitrillError, SpecError, UnsupportedError
from ..frontend.reader.local_functions import (
    DOMAIN,
    l1_conv_function,
    l1_matmul_function,
    log_quant_function,
)
from ..real import ROUNDING_NAMES
from ..storage import read_bytes
from .bounds import Value
from .power_node import PowerNode
from .quant_node import QuantNode, with_known_rounding
from .scalars import Index, Scalars, attributes

_QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant", "LogQuant")
_DOMAINS = ("onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general")
_NEWEST_IR = 10
_SPECIFIED = {
    "L1MatMul": l1_matmul_function,
    "L1Conv": l1_conv_function,
    "LogQuant": log_quant_function,
}


@dataclass(frozen=True)
class Trace:
    """One evaluation: every tensor, and each quantizer's output before it was replaced."""

    arrays: dict[str, np.ndarray]
    given: tuple[np.ndarray, ...]
    output: np.ndarray


class QonnxNetwork:
    """A QONNX model with one input and one output, ready to run.

    ``quantizers``: the quantizers of activations; ``weights``: those of constants; both in the
    graph's order.
    """

    def __init__(self, model: onnx.ModelProto):
        self.model = model
        graph = model.graph
        self._opsets = {o.domain: o.version for o in model.opset_import}
        self._constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        inputs = [i.name for i in graph.input if i.name not in self._constants]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise UnsupportedError(
                "the network must have one input and one output,"
                f" not {len(inputs)} and {len(graph.output)}"
            )
        self.input, self.output = inputs[0], graph.output[0].name
        self.nodes = [with_known_rounding(self._any_batch(n)) for n in graph.node]
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}
        of_constants: dict[bool, list[QuantNode | PowerNode]] = {True: [], False: []}
        for node in self.nodes:
            _check_known(node)
            constant = all(name in self._constants or not name for name in node.input)
            if constant:
                self._execute(node, self._constants)
            if node.op_type in _QUANTIZERS:
                of_constants[constant].append(self._quantizer(node))
        self.weights, self.quantizers = tuple(of_constants[True]), tuple(of_constants[False])

    @staticmethod
    def load(path: Path | str) -> "QonnxNetwork":
        """Read a model file, which must be trusted."""
        try:
            return QonnxNetwork(onnx.load_model_from_string(read_bytes(Path(path))))
        except Exception as error:  # protobuf's errors share no base that onnx names
            if isinstance(error, BitrillError):
                raise
            raise SpecError(f"{path} must be an ONNX model: {error}") from error

    def constant(self, tensor: str) -> np.ndarray:
        """Return a tensor that depends on no input."""
        return self._constants[tensor]

    def run(self, x: np.ndarray, replace: Sequence[np.ndarray] | None = None) -> Trace:
        """Evaluate floats ``[N, ...]``; ``replace``: floats for each quantizer's output."""
        if replace is not None and len(replace) != len(self.quantizers):
            raise SpecError(f"replace must hold {len(self.quantizers)} arrays, not {len(replace)}")
        places = {q.output: i for i, q in enumerate(self.quantizers)}
        arrays = dict(self._constants)
        arrays[self.input] = np.asarray(x, np.float32)
        given: list[np.ndarray] = []
        for node in self.nodes:
            if node.output[0] in self._constants:
                continue
            self._execute(node, arrays)
            if node.output[0] in places:
                given.append(arrays[node.output[0]])
                if replace is not None:
                    stand_in = replace[places[node.output[0]]]
                    arrays[node.output[0]] = stand_in.reshape(given[-1].shape).astype(np.float32)
        return Trace(arrays, tuple(given), arrays[self.output])

    def scalars(self, trace: Trace) -> Scalars:
        """Return the exact elements of one evaluation; a quantizer's are ``(q - zero) * scale``."""
        known = {q.output: q for q in (*self.weights, *self.quantizers)}
        codes: dict[str, np.ndarray] = {}

        def leaf(tensor: str, index: Index) -> Value:
            y = Fraction(float(trace.arrays[tensor][index]))
            if tensor not in known:
                return Value.of(y)
            if tensor not in codes:
                codes[tensor] = known[tensor].decode(trace.arrays[tensor])
            exact = known[tensor].exact(int(codes[tensor][index]), index)
            return Value(exact, exact, abs(y - exact))

        return Scalars(self.nodes, trace.arrays, leaf, set(known))

    def _execute(self, node: onnx.NodeProto, arrays: dict[str, np.ndarray]) -> None:
        if node.op_type == "Constant":
            arrays[node.output[0]] = numpy_helper.to_array(attributes(node)["value"])
        elif node.domain in ("", "ai.onnx", DOMAIN):
            feeds = {name: arrays[name] for name in node.input if name}
            for name, y in zip(
                node.output, self._session(node, feeds).run(None, feeds), strict=True
            ):
                arrays[name] = cast(np.ndarray, y)
        else:
            self._execute_custom(node, arrays)

    def _execute_custom(self, node: onnx.NodeProto, arrays: dict[str, np.ndarray]) -> None:
        """Run a quantizer by qonnx."""
        from qonnx.core.execute_custom_node import execute_custom_node
        from qonnx.util.basic import get_preferred_qonnx_opset

        opset = self._opsets.get(node.domain, get_preferred_qonnx_opset())
        execute_custom_node(node, arrays, self.model.graph, opset)
        arrays[node.output[0]] = np.asarray(arrays[node.output[0]], np.float32)

    def _session(
        self, node: onnx.NodeProto, feeds: dict[str, np.ndarray]
    ) -> onnxruntime.InferenceSession:
        """Make a model of one node, once; shapes are left open, so that it accepts any batch."""
        if node.output[0] not in self._sessions:
            info = onnx.helper.make_tensor_value_info
            inputs = [
                info(name, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), None)
                for name, a in feeds.items()
            ]
            outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
            model = onnx.helper.make_model(
                onnx.helper.make_graph([node], "node", inputs, outputs),
                opset_imports=[
                    onnx.helper.make_opsetid("", self._opsets.get("", 1)),
                    *([onnx.helper.make_opsetid(DOMAIN, 1)] if node.domain == DOMAIN else []),
                ],
                functions=self._functions(node),
            )
            model.ir_version = min(model.ir_version, _NEWEST_IR)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.log_severity_level = 3
            self._sessions[node.output[0]] = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[node.output[0]]

    def _functions(self, node: onnx.NodeProto) -> list[onnx.FunctionProto]:
        """Return the local function that a node calls: the file's, or that of `docs/format.md`."""
        if node.domain != DOMAIN:
            return []
        given = [f for f in self.model.functions if (f.domain, f.name) == (DOMAIN, node.op_type)]
        return given or [_SPECIFIED[node.op_type]()]

    def _any_batch(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """Make a Reshape to a fixed batch of one, as some exporters write it, accept any batch."""
        if node.op_type != "Reshape" or node.input[1] not in self._constants:
            return node
        target = self._constants[node.input[1]]
        if target.ndim != 1 or not len(target) or target[0] != 1:
            return node
        open_axis = 0 if -1 in target else -1
        name = f"{node.output[0]}__any_batch"
        self._constants[name] = np.concatenate([[open_axis], target[1:]]).astype(target.dtype)
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[1] = name
        if open_axis == 0:  # 0 must mean "as the input" here, not "no element"
            del copy.attribute[:]
        return copy

    def _quantizer(self, node: onnx.NodeProto) -> QuantNode | PowerNode:
        def constant(i: int) -> np.ndarray:
            if node.input[i] not in self._constants:
                raise UnsupportedError(f"{node.name}: scale, zero point and bits must be constants")
            return self._constants[node.input[i]]

        scale = constant(1)
        name = node.name or node.output[0]
        if node.op_type == "LogQuant":
            bits = int(attributes(node)["bits"])
            return PowerNode(name, *_ends(node), scale, bits)
        if node.op_type == "BipolarQuant":
            zero = np.zeros((), np.float32)
            return QuantNode(name, node.input[0], node.output[0], scale, zero, -1, 1, None)
        given = attributes(node)
        bits = int(np.ravel(constant(3))[0])
        narrow, signed = int(given.get("narrow", 0)), int(given.get("signed", 1))
        if bits == 1 and signed:  # qonnx makes these bipolar: the sign of x / scale + zero
            return QuantNode(name, *_ends(node), scale, constant(2), -1, 1, None)
        lo = -(1 << (bits - 1)) + narrow if signed else 0
        hi = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1 - narrow
        mode = ROUNDING_NAMES[bytes(given.get("rounding_mode", b"ROUND")).decode()]
        return QuantNode(name, *_ends(node), scale, constant(2), lo, hi, mode)


def _check_known(node: onnx.NodeProto) -> None:
    """Refuse unknown operators: qonnx would import whatever module a node's domain names."""
    inputs = {"Quant": 4, "IntQuant": 4, "BipolarQuant": 2, "Trunc": None}
    if node.domain in ("", "ai.onnx") or (node.domain == DOMAIN and node.op_type in _SPECIFIED):
        return
    if node.op_type not in inputs or node.domain not in _DOMAINS:
        raise UnsupportedError(
            f"{node.name}: {node.op_type} of the domain {node.domain!r} cannot be run;"
            " Quant, BipolarQuant and Trunc can"
        )
    wanted = inputs[node.op_type]
    if wanted is not None and len(node.input) != wanted:
        raise UnsupportedError(
            f"{node.name}: {node.op_type} must have {wanted} inputs, not {len(node.input)}"
        )


def _ends(node: onnx.NodeProto) -> tuple[str, str]:
    return node.input[0], node.output[0]
