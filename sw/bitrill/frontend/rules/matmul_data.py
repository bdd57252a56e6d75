"""The product of two matrices that both depend on the input, as attention's ``Q K^T`` and ``A V``.

``y[h, m, p] = sum_k a[h, m, k] * b[h, k, p]``, h counting heads, becomes operators that take their
elements in the order in which they come: an `Upsample` repeats what a gives for all p, another one
holds b and repeats it for all rows of a, a `Mul` multiplies, and a sum over k follows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from ...ops import Convert, Mul, SumPool, Upsample
from ...real import Affine, at
from ..symbolic import Call, Data, Known, Quantized, RefusedError, is_constant
from .matmul import dense, product
from .stream_products import check_product, factor
from .table import rule
from .weight_grids import narrowest

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Sizes:
    """Sizes of a product: heads, rows of the first matrix, inner size, columns of the second."""

    h: int
    m: int
    k: int
    p: int

    def of(self, *axes: str) -> Shape:
        """Return a shape; ``"hk"`` is one axis of as many elements as h and k have together."""
        return tuple(prod(getattr(self, one) for one in axis) for axis in axes)

    def places(self, axes: str, order: str) -> np.ndarray:
        """Return the place of each element of ``axes`` in a stream that comes in ``order``."""
        shape = self.of(*order)
        return np.arange(prod(shape)).reshape(shape).transpose([order.index(a) for a in axes])


@rule("MatMul", inputs=2, layout="last")
def matmul(call: Call) -> Known:
    """``a @ b``: data and constant weights, or two tensors that depend on the input."""
    if isinstance(call.value(0), Data) and isinstance(call.value(1), Data):
        return both(call)
    return dense(call, call.value(1), transposed=False)


def both(call: Call) -> Data:
    """Return the product of two edges."""
    (a, first), (b, second) = _operand(call, 0), _operand(call, 1)
    size = _sizes(a, b)
    if is_constant(first) or is_constant(second):
        raise RefusedError("neither of its operands may be the same whatever the input is")
    (one, z, s), (other, w, t) = factor(call, a, first), factor(call, b, second)
    if len(s) > 1 or len(t) > 1:
        raise RefusedError("its operands must have one scale and offset each, for all channels")
    check_product(call, (one, z), (other, w), terms=size.k)
    call.builder.check_size(prod(size.of("hmkp")))
    for form in FORMS:
        a_fits = np.array_equal(a.stream, size.places("hmk", form.a).reshape(-1))
        if a_fits and np.array_equal(b.stream, size.places("hkp", form.b).reshape(-1)):
            streams = ProductStreams(call, size, (z, w))
            made = form.build(streams, one, other, Affine((at(s, 0) * at(t, 0),)))
            frame = size.of(*(form.y if size.h > 1 else form.y.replace("h", "")))
            stream = size.places("hmp", form.y).reshape(*a.shape[:-1], size.p)
            edge = streams.shaped(made.edge, *frame)
            quantized = a.quantized and b.quantized
            laid = replace(made, edge=edge, frame=frame).placed(edge, frame, stream)
            return replace(laid, steps=made.steps, quantized=quantized)
    raise RefusedError(
        "its operands must come row by row, the heads of a row side by side, or as images; a"
        " layer behind a Transpose gives another order"
    )


def _operand(call: Call, i: int) -> tuple[Data, Affine]:
    data = call.clipped(call.edge(i))
    return data, data.meaning(f"its operand {i}", "; quantize each operand")


def _sizes(a: Data, b: Data) -> Sizes:
    """Return the sizes of a product of two tensors of the model."""
    if not 2 <= len(a.shape) == len(b.shape) or a.shape[:-2] != b.shape[:-2]:
        raise RefusedError(
            "its operands must be [batch, rows, columns], with equal axes in between, not"
            f" {['batch', *a.shape]} and {['batch', *b.shape]}"
        )
    if a.shape[-1] != b.shape[-2]:
        raise RefusedError(f"its operands must fit, not {list(a.shape)} and {list(b.shape)}")
    return Sizes(prod(a.shape[:-2]), a.shape[-2], a.shape[-1], b.shape[-1])


@dataclass(frozen=True)
class ProductStreams:
    """The operators of one product, as they are appended; ``zeros``: added to both operands."""

    call: Call
    size: Sizes
    zeros: tuple[int, int]

    def shaped(self, edge: str, *shape: int) -> str:
        """Return an edge with other axes."""
        if self.call.builder.edges[edge].shape == shape:
            return edge
        return self.call.emit(Convert, edge, part=True, share=True, shape=shape).name

    def repeated(self, edge: str, rows: Shape, factors: Shape, wanted: Shape) -> str:
        """Return an edge whose pixels, or rows, are repeated, with the axes ``wanted``."""
        edge = self.shaped(edge, *rows)
        if prod(factors) > 1:
            edge = self.call.emit(Upsample, edge, part=True, share=True, factors=factors).name
        return self.shaped(edge, *wanted)

    def multiplied(self, a: str, b: str) -> str:
        """Return the edge of all products."""
        return self.call.emit(Mul, a, b, part=True, share=True, offsets=self.zeros).name

    def pooled(self, edge: str, shape: Shape, kernel: Shape, meaning: Affine) -> Data:
        """Return sums over windows of a map of that shape."""
        edge = self.shaped(edge, *shape)
        made = self.call.emit(SumPool, edge, kernel=kernel, stride=kernel)
        return self.call.result(made, meaning)


def _rows_by_rows(on: ProductStreams, a: str, b: str, meaning: Affine) -> Data:
    """Rows of a, each times every row of b; the sums are a matrix of ones times each product."""
    of = on.size.of
    wanted = of("m", "p", "hk")
    one = on.repeated(a, (*of("m"), 1, *of("hk")), (1, on.size.p), wanted)
    other = on.repeated(b, (1, *of("p", "hk")), (on.size.m, 1), wanted)
    rows = on.shaped(on.multiplied(one, other), *of("m", "ph", "k"))
    ones = np.ones((1, on.size.k), np.int64)
    matrix = Quantized(ones, np.full((1, 1), meaning.scale[0], object), narrowest(ones))
    return product(on.call, rows, matrix, Affine(), shape=(1, *of("m", "ph")))


def _elements_by_rows(on: ProductStreams, a: str, b: str, meaning: Affine) -> Data:
    """Elements of a, each times a row of b of its head; rows of products are added up."""
    of = on.size.of
    wanted = of("m", "k", "hp")
    one = on.repeated(a, (*of("m", "kh"), 1), (1, on.size.p), wanted)
    other = on.repeated(b, (1, *of("k", "hp")), (on.size.m, 1), wanted)
    return on.pooled(on.multiplied(one, other), wanted, (1, on.size.k), meaning)


def _pixels_by_columns(on: ProductStreams, a: str, b: str, meaning: Affine) -> Data:
    """Rows of pixels of a, each times every column of b, which comes transposed."""
    of = on.size.of
    wanted = of("m", "p", "kh")
    one = on.repeated(a, (*of("m"), 1, *of("kh")), (1, on.size.p), wanted)
    other = on.repeated(b, (1, *of("p", "kh")), (on.size.m, 1), wanted)
    return on.pooled(on.multiplied(one, other), of("mp", "k", "h"), (1, on.size.k), meaning)


def _pixels_by_rows(on: ProductStreams, a: str, b: str, meaning: Affine) -> Data:
    """Pixels of a, each times a row of pixels of b."""
    of = on.size.of
    wanted = of("mk", "p", "h")
    one = on.repeated(a, (*of("mk"), 1, *of("h")), (1, on.size.p), wanted)
    other = on.repeated(b, (1, *of("kp", "h")), (on.size.m, 1), wanted)
    return on.pooled(on.multiplied(one, other), wanted, (on.size.k, 1), meaning)


@dataclass(frozen=True)
class Form:
    """A form of the product: the orders in which a, b and y come, outermost axis first."""

    a: str
    b: str
    y: str
    build: Callable[[ProductStreams, str, str, Affine], Data]


FORMS = (  # of one head, the first two come first: they have several lanes
    Form("mhk", "phk", "mph", _rows_by_rows),
    Form("mkh", "khp", "mhp", _elements_by_rows),
    Form("mkh", "pkh", "mph", _pixels_by_columns),
    Form("mkh", "kph", "mph", _pixels_by_rows),
)
