"""Compares the shapes that a model declares for its intermediate tensors with the actual ones."""

from ..ir import IntType, Tensor
from .reader.model import Declared, Node
from .symbolic import Const, Data, GraphBuilder, Hosted, Quantized, Value


def shape_fault(builder: GraphBuilder, declared: Declared, value: Value) -> str:
    """Return why a value is not what the model declares; empty if it is, or nothing is declared.

    Sizes that are declared as names, and an open batch size, agree with any size.
    """
    shape = _shape(builder, value)
    if declared.shape is None or shape is None:
        return ""
    first = 1 if isinstance(value, Data | Hosted) and builder.batch_is_free else 0
    same = len(shape) == len(declared.shape) and all(
        want in (None, 0, size)
        for want, size in list(zip(declared.shape, shape, strict=True))[first:]
    )
    if same:
        return ""
    sizes = [s or "free" for s in declared.shape]
    return (
        f"its result {declared.name!r} is declared as {sizes}, and its shape is {list(shape)};"
        " declare the actual shape (onnx.shape_inference), or remove the declaration"
    )


def _shape(builder: GraphBuilder, value: Value) -> tuple[int, ...] | None:
    if isinstance(value, Data) and value.lifted:
        return value.shape
    if isinstance(value, Data | Hosted):
        return (builder.batch, *value.shape)
    if isinstance(value, Const):
        return value.array.shape
    return value.integers.shape if isinstance(value, Quantized) else None


def stand_in(builder: GraphBuilder, declared: Declared, node: Node) -> Data | None:
    """Return data instead of a refused node's result, for a quantizer that reads it.

    The nodes after the quantizer can then be checked. None if the shape is not declared, or does
    not determine which axis the channels are.
    """
    sizes = declared.shape[1:] if declared.shape else ()
    shape = tuple(s for s in sizes if s)
    if len(shape) not in (1, 3) or len(shape) < len(sizes):
        return None
    tensor = Tensor((*shape[1:], shape[0]), IntType(-128, 127))
    edge = f"?{node.index}"
    builder.edges[edge] = tensor
    return Data(edge, tensor.type, shape, tensor.shape)
