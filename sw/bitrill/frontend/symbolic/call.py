"""A node of a model with its operands: the argument of every import rule.

A rule asks a `Call` for operands and attributes in the form that it needs; each method refuses
values that do not have that form. The rule appends operators to the graph with `Call.emit`.
"""

from dataclasses import replace
from fractions import Fraction
from typing import Literal, TypeAlias, TypeVar

import numpy as np

from ...exact import Real
from ...ir import Operator
from ...real import Affine, Step
from ..reader import limits
from ..reader.model import Attribute, Node
from . import grids, orders
from .builder import GraphBuilder, Made
from .constants import Const, Quantized, check_exact, check_floats, check_integers, exact_array
from .refusal import RefusedError
from .values import Data, Known

_Kind = TypeVar("_Kind")

ElementType: TypeAlias = Literal["floats", "integers", "data", "any"]


class Call:
    """One node and the values of its inputs."""

    def __init__(
        self,
        builder: GraphBuilder,
        node: Node,
        values: list[Known | None],
        attributes: dict[str, Attribute] | None = None,
    ):
        self.builder, self.node, self.values = builder, node, values
        self.attributes = node.attributes if attributes is None else attributes

    @property
    def opset(self) -> int:
        """The model's opset: the version of ONNX's own operators."""
        return self.builder.opset

    # operands

    def value(self, i: int) -> Known:
        """Return input ``i``, which must be given."""
        v = self.values[i] if i < len(self.values) else None
        if v is None:
            raise RefusedError(f"input {i} must be given")
        return v

    def has(self, i: int) -> bool:
        """Return whether the optional input ``i`` is given."""
        return i < len(self.values) and self.values[i] is not None

    def data(self, i: int) -> Data:
        """Return input ``i``, which must depend on the model's input."""
        v = self.value(i)
        if not isinstance(v, Data):
            raise RefusedError(f"input {i} must depend on the model's input, not be a constant")
        return v

    def edge(self, i: int) -> Data:
        """Return input ``i`` as an edge of the graph, with nothing deferred."""
        return self.settled(self.data(i))

    def settled(self, data: Data) -> Data:
        """Return ``data`` as an edge of the graph, with nothing deferred."""
        self.check_quantized(data)
        return self.builder.settle(data)

    def check_quantized(self, data: Data) -> None:
        """Refuse the model's float input: it must go through a quantizer first."""
        self.builder.check_quantized(data, "it takes unquantized floats")

    def shape(self, i: int) -> tuple[int, ...]:
        """Return the shape of input ``i``, with the batch if it is data."""
        value = self.value(i)
        if isinstance(value, Data):
            return (self.builder.batch, *value.shape)
        return (value.array if isinstance(value, Const) else value.integers).shape

    def integers_of(self, i: int, *, image: bool = False) -> tuple[Data, Affine]:
        """Return input ``i`` as an edge of integers, and their scale and offset.

        They may be the result of a quantizer or, for example, of a sum, if they are not too wide;
        there must be no clip after them.
        """
        data = self.clipped(self.edge(i))
        if image:
            data = self.arranged(data)
        real = data.affine
        wide = data.type is None or data.type.bits > limits.ACTIVATION_BITS
        if not data.quantized or real is None or wide:
            raise RefusedError(
                "its data are not quantized; put Quant or BipolarQuant right before it"
            )
        return data, real

    def branch(self, i: int) -> tuple[Data, Affine]:
        """Return input ``i`` as an edge, in the edge's order, and its scale and offset."""
        data = self.clipped(self.edge(i))
        if data.order is not None:
            data = self.arranged(data)
        return data, data.meaning(f"its operand {i}", "; quantize each branch")

    def clipped(self, data: Data) -> Data:
        """Return ``data`` with clips done by a table, and without single scales of 0 (`grids`)."""
        data = grids.clipped(self.builder, data, self.node)
        return grids.living(self.builder, data, self.node)

    def image(self, i: int) -> Data:
        """Return input ``i``, which must be an image: channels, then one or two spatial axes."""
        data = self.data(i)
        return data if data.is_image else self.arranged(self.builder.settle(data))

    def arranged(self, data: Data) -> Data:
        """Return ``data`` as an image, with its elements moved as the model moved them."""
        data = orders.arrange(self.builder, data, self.node)
        if not data.is_image:
            axes = "[batch, channels, rows, columns] or [batch, channels, length]"
            raise RefusedError(
                f"its data must be {axes}, in the order that a layer gives them or with channels"
                f" shuffled, not {['batch', *data.shape]} made of {['batch', *data.image]}"
            )
        return data

    def innermost(self, data: Data) -> Data:
        """Return ``data`` with its last axis as the edge's channels, all others as places."""
        turned = orders.innermost(self.builder, data, self.node)
        if turned is None:
            raise RefusedError(
                "its data's last axis must be the channels that a layer gives, which come"
                f" together for each place, not the last of {['batch', *data.shape]} made of"
                f" {['batch', *data.image]}"
            )
        return turned

    def exact(self, i: int, what: str, *, like: ElementType = "floats") -> np.ndarray:
        """Return constant input ``i`` as an object array of exact numbers.

        ``like``: its type in the file must be one of ``"floats"``, of ``"integers"``, that of the
        node's ``"data"``, or ``"any"``.
        """
        v = self.value(i)
        if not isinstance(v, Const | Quantized):
            raise RefusedError(f"{what} must be a constant, not depend on the model's input")
        stored = any(isinstance(d, Data) and d.stored for d in self.values)
        if like == "integers" or (like == "data" and stored):
            check_integers(v, what)
        elif like != "any":
            check_floats(v, what)
        array = exact_array(v, self.builder.work)
        if array.size == 0:
            raise RefusedError(f"{what} must not be empty")
        check_exact(array.reshape(-1).tolist())
        return array

    def number(self, i: int, what: str, *, like: ElementType = "floats") -> Real:
        """Return constant input ``i``, a single exact number; ``like`` as for `exact`."""
        array = self.exact(i, what, like=like)
        if array.size != 1:
            raise RefusedError(f"{what} must be a single number, not of shape {list(array.shape)}")
        return array.reshape(-1)[0]

    def integers(self, i: int, what: str) -> np.ndarray:
        """Return constant input ``i`` as int64; no element may depend on the batch size."""
        v = self.value(i)
        if not isinstance(v, Const) or v.array.dtype != np.int64:
            raise RefusedError(f"{what} must be constant integers")
        if v.depends_on_batch:
            raise RefusedError(f"{what} must not depend on the size of the batch")
        return v.array

    def integer_list(self, i: int, what: str) -> list[int]:
        """Return constant input ``i`` as a list of integers; it has one axis, or is one number."""
        array = self.integers(i, what)
        if array.ndim > 1:
            raise RefusedError(
                f"{what} must be a list of integers, not of shape {list(array.shape)}"
            )
        return array.reshape(-1).tolist()

    # attributes

    def int_attribute(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        return self._attribute(name, default, int)

    def text_attribute(self, name: str, default: str) -> str:
        """Return a string attribute."""
        return self._attribute(name, default, str)

    def list_attribute(self, name: str) -> tuple[int, ...]:
        """Return an attribute that lists integers; empty if it is not given."""
        return self._attribute(name, (), tuple)

    def fraction(self, name: str, default: float) -> Fraction:
        """Return a float attribute as an exact rational."""
        value = self._attribute(name, default, float)
        if not np.isfinite(value):
            raise RefusedError(f"attribute {name} must be finite, not {value}")
        return Fraction(value)

    def _attribute(self, name: str, default: object, kind: type[_Kind]) -> _Kind:
        value = self.attributes.get(name, default)
        if not isinstance(value, kind):
            raise RefusedError(f"attribute {name} has the wrong type")
        return value

    # results

    def then(self, data: Data, *steps: Step) -> Data:
        """Return ``data`` with more steps after it."""
        for step in steps:
            data = data.then(step, self.builder.work)
        return data

    def emit(
        self,
        kind: type[Made],
        *edges: str,
        part: bool = False,
        share: bool = False,
        **parameters: object,
    ) -> Made:
        """Append an operator of class ``kind`` that reads ``edges``; see `GraphBuilder.emit`."""
        return self.builder.emit(kind, self.node, *edges, part=part, share=share, **parameters)

    def result(
        self, node: Operator, meaning: Affine, *, k: int = 0, quantized: bool = True
    ) -> Data:
        """Return result ``k`` of an appended operator; ``meaning``: its scale and offset."""
        y = node.results[k]
        data = Data(node.outputs[k], y.type, (y.channels, *y.shape[:-1]), y.shape)
        return replace(self.then(data, meaning), quantized=quantized)
