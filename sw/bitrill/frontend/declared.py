"""Checks the shapes that a model declares of its intermediate tensors against what is built."""

from ..ir import IntType, Tensor
from .reader.model import Declared, Node
from .symbolic import Const, Data, GraphBuilder, Hosted, Quantized, Value


def shape_fault(builder: GraphBuilder, declared: Declared, value: Value) -> str:
    """Return why a value is not what the model declares; empty if it is, or if that tells nothing.

    Sizes that are declared as names, and the batch's where it is free, agree with any.
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
    told = [s or "free" for s in declared.shape]
    return (
        f"its result {declared.name!r} is declared as {told}, and its shape is {list(shape)};"
        " declare what it gives (onnx.shape_inference), or leave the declaration out"
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
    """Return data in place of a refused node's result, for a quantizer that reads it.

    What follows the quantizer can then be checked. None where the shape is not told, or leaves open
    which axis the channels are.
    """
    sizes = declared.shape[1:] if declared.shape else ()
    shape = tuple(s for s in sizes if s)
    if len(shape) not in (1, 3) or len(shape) < len(sizes):
        return None
    tensor = Tensor((*shape[1:], shape[0]), IntType(-128, 127))
    edge = f"?{node.index}"
    builder.edges[edge] = tensor
    return Data(edge, tensor.type, shape, tensor.shape)
