"""Nodes and constants of an ONNX model that a training writes itself."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
QONNX = "qonnx.custom_op.general"


class Nodes:
    """Nodes and constants of a model under construction; its input is ``x``."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: np.ndarray, dtype: type = np.float32) -> str:
        """Add a constant; return its name."""
        array = np.ascontiguousarray(value, dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(
        self, op: str, out: str, *inputs: str, domain: str = "", **attributes: int | str
    ) -> str:
        """Add a node; return the name of its output."""
        made = helper.make_node(op, inputs, [out], out, domain=domain)
        made.attribute.extend(helper.make_attribute(*pair) for pair in sorted(attributes.items()))
        self.nodes.append(made)
        return out

    def quant(self, out: str, x: str, scale: str, zero: str, bits: str, *, signed: bool) -> str:
        """Add QONNX's quantizer to the nearest even integer; return the name of its output."""
        kind = {"signed": int(signed), "narrow": int(signed), "rounding_mode": "ROUND"}
        return self.add("Quant", out, x, scale, zero, bits, domain=QONNX, **kind)
