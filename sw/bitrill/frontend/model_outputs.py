"""Makes the sink of a graph from the model's outputs: hardware's results, and the host's functions.

If the outputs need several edges, these follow each other in one frame, the largest first; the
frames of the others wait in FIFOs meanwhile. Every output is compared with the model's declaration.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import SpecError, UnsupportedError
from ..ir import INPUT, HostFunction, Output, Sink
from ..ops import Concat, Convert
from .reader.model import Declared, Node
from .reader.names import shown
from .symbolic import Call, Data, GraphBuilder, Hosted, RefusedError, Value, on_host
from .symbolic.hosted import FLOAT, Applied, Expression, Leaf, folded

_JOINED = "outputs"
"""Name of the node that sends several outputs one after the other."""


def sink_of(
    builder: GraphBuilder, outputs: Sequence[tuple[Declared, Value]]
) -> tuple[Sink | None, list[str]]:
    """Return the sink of the model's outputs, or None and every reason for refusing them."""
    reasons: list[str] = []
    results: list[tuple[Declared, Hosted]] = []
    for declared, value in outputs:
        name = f"the output {shown(declared.name)}"
        try:
            result = _result(builder, value, name)
            _check(declared, result, builder, name)
        except (RefusedError, SpecError, UnsupportedError) as error:
            reasons.append(str(error))
        else:
            results.append((declared, result))
    if reasons:
        return None, reasons
    try:
        return _planned(builder, results), []
    except (RefusedError, SpecError, UnsupportedError) as error:
        return None, [str(error)]


def _planned(builder: GraphBuilder, results: Sequence[tuple[Declared, Hosted]]) -> Sink:
    """Return the sink of checked outputs; an edge that two outputs use is sent once."""
    named = [Output(d.name, v.shape, _dtype(d, v), 0) for d, v in results]
    plain, short = _Plan(), _Plan()
    plain_keys = [plain.key(v.expression) for _, v in results]
    seen: dict[Expression, Expression] = {}
    short_keys = [short.key(folded(v.expression, seen)) for _, v in results]
    if len(short.leaves) == len(plain.leaves):
        return short.sink(builder, list(zip(short_keys, named, strict=True)))
    return plain.sink(builder, list(zip(plain_keys, named, strict=True)))


def _result(builder: GraphBuilder, value: Value, name: str) -> Hosted:
    """Return an output as a value of the host."""
    if isinstance(value, Hosted):
        return value
    if not isinstance(value, Data):
        raise RefusedError(f"{name} must depend on the model's input")
    if value.lifted:
        raise RefusedError(f"{name}: the batch axis must stay the first, not {list(value.shape)}")
    builder.check_quantized(value, f"{name} has floats without any quantizer")
    try:
        return on_host(Call(builder, _node(_JOINED), []), value)
    except (RefusedError, SpecError) as error:
        raise RefusedError(f"{name}: {error}") from error


def _check(declared: Declared, value: Hosted, builder: GraphBuilder, name: str) -> None:
    """Refuse an output whose shape or element type is not as declared."""
    sizes = None if builder.batch_is_free else builder.batch
    shape = (sizes, *value.shape)
    fits = declared.shape is None or (
        len(declared.shape) == len(shape)
        and all(a in (None, b) or b is None for a, b in zip(declared.shape, shape, strict=True))
    )
    kind = declared.dtype.rstrip("0123456789") if value.dtype == FLOAT else declared.dtype
    if not fits or kind not in ("", value.dtype):
        made = Declared(declared.name, value.dtype, shape)
        raise RefusedError(f"{name} is declared as {declared}, but the nodes give {made}")


def _dtype(declared: Declared, value: Hosted) -> str:
    """Return an output's element type: float32 if the model does not state the number of bits."""
    if value.dtype == FLOAT:
        return declared.dtype or "float32"
    return value.dtype


def _node(name: str) -> Node:
    """Return a node of that name for operators that do not belong to a node of the model."""
    return Node(0, name, "Concat", "", (), (), {})


@dataclass(eq=False)
class _Plan:
    """Expressions in an order in which they can be computed; equal ones occur once."""

    leaves: dict[int, Leaf] = field(default_factory=dict)
    applied: dict[int, Applied] = field(default_factory=dict)
    inputs: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _keys: dict[object, int] = field(default_factory=dict)
    _known: dict[Expression, int] = field(default_factory=dict)

    def key(self, x: Expression) -> int:
        """Add an expression and all that it needs; return its key. Equal ones have the same key."""
        if x in self._known:  # by identity
            return self._known[x]
        if isinstance(x, Leaf):
            key = self._key((x.edge, x.shape, x.meaning, x.channel_last))
            self.leaves.setdefault(key, x)
        else:
            inputs = tuple(map(self.key, x.inputs))
            attributes = tuple(
                (name, (v.shape, v.dtype.str, v.tobytes()) if isinstance(v, np.ndarray) else v)
                for name, v in sorted(x.attributes.items())
            )
            key = self._key((x.op, inputs, attributes))
            self.applied.setdefault(key, x)
            self.inputs[key] = inputs
        self._known[x] = key
        return key

    def _key(self, content: object) -> int:
        return self._keys.setdefault(content, len(self._keys))

    def sink(self, builder: GraphBuilder, outputs: Sequence[tuple[int, Output]]) -> Sink:
        """Join the edges of the outputs in the graph; return the sink. Outputs come with keys."""
        leaves = sorted(self.leaves.items(), key=lambda item: -_bits(builder, item[1]))
        numbers = {key: k for k, key in enumerate((*(key for key, _ in leaves), *self.applied))}
        functions = tuple(
            HostFunction(x.op, tuple(numbers[i] for i in self.inputs[key]), x.attributes)
            for key, x in self.applied.items()
        )
        named = tuple(replace(o, value=numbers[key]) for key, o in outputs)
        first = leaves[0][1]
        if len(leaves) > 1:
            return _joined(builder, [leaf for _, leaf in leaves], functions, named)
        if first.edge == INPUT:
            names = ", ".join(shown(o.name) for o in named)
            raise RefusedError(
                f"the output {names} must come from at least one layer; there is none"
            )
        sink = Sink(
            shape=first.shape,
            edge=first.edge,
            tensor=builder.edges[first.edge],
            scale=first.scale,
            offset=first.offset,
            channel_last=first.channel_last,
        )
        usual = "int64" if first.meaning is None else "float32"
        if not functions and [o.dtype for o in named] == [usual]:
            return sink
        return replace(sink, functions=functions, outputs=named)


def _bits(builder: GraphBuilder, leaf: Leaf) -> int:
    tensor = builder.edges[leaf.edge]
    return tensor.size * tensor.type.bits


def _joined(
    builder: GraphBuilder,
    leaves: Sequence[Leaf],
    functions: tuple[HostFunction, ...],
    outputs: tuple[Output, ...],
) -> Sink:
    """Append a `Concat` of all leaves, each flat, and return the sink that reads it."""
    edges = []
    segments = []
    for leaf in leaves:
        tensor = builder.edges[leaf.edge]
        edge = leaf.edge
        if len(tensor.shape) > 1:
            flat = builder.emit(
                Convert, _node(f"{edge}_flat"), edge, share=True, shape=(tensor.size,)
            )
            edge = flat.name
        edges.append(edge)
        segments.append(leaf.segment(tensor.shape))
    made = builder.emit(Concat, _node(_JOINED), *edges, gains=(1,) * len(edges))
    return Sink(
        shape=made.y.shape,
        edge=made.name,
        tensor=made.y,
        segments=tuple(segments),
        functions=functions,
        outputs=outputs,
    )
