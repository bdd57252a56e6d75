"""Splits product-quantized matrices: products of the input with few vectors, and sums of these.

In a product-quantized matrix (Gong et al. 2014; Wu et al. 2016) the columns are cut into places of
``size`` columns, and the weights of every row at a place are one of K vectors of that place. Then

    p[g, k] = c[g, k] . x[place g]        y[r] = sum_g p[g, index[r, g]]

So K products a place, with ``size`` terms each, are computed once, and each row adds one of them
a place: a multiplexer and an adder instead of ``size`` multipliers.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..arith.lane_choice import BLOCKS
from ..arith.products import lane_cost
from ..ir import Graph, IntType, Operator, divisors
from ..ops import MatVec
from ..ops.units.select import MUX_LUTS
from .rebuild import rebuild

SUFFIX = "_products"
"""Suffix that is appended to a layer's name to name the matrix of its products."""

MOST_SIZE = 16
"""Most columns of a place that are tried."""

LEAST_SAVED = 2 / 5
"""Part of the LUTs for products that must be saved, by their count: memories are not counted."""

MOST_ELEMENTS = 1 << 22
"""Most elements of the matrix of products, most of which are 0."""


@dataclass(frozen=True)
class ProductTable:
    """The vectors of each place, int64 ``[places, K, size]``, and which one each row has there.

    ``indices``: int64 ``[rows, places]``. K is a number of inputs that a multiplexer may have.
    """

    vectors: np.ndarray
    indices: np.ndarray

    @staticmethod
    def of(weights: np.ndarray, size: int) -> "ProductTable | None":
        """Find the vectors of weights ``[rows, cols]``; None where a place has too many."""
        rows, cols = weights.shape
        places: list[tuple[np.ndarray, np.ndarray]] = []
        most = 0
        for start in range(0, cols, size):
            vectors, index = np.unique(
                weights[:, start : start + size], axis=0, return_inverse=True
            )
            most = max(most, len(vectors))
            if most > BLOCKS[-1]:
                return None
            places.append((vectors, index.reshape(rows)))
        k = next(n for n in BLOCKS if n >= most)
        filled = [np.pad(v, ((0, k - len(v)), (0, 0))) for v, _ in places]
        return ProductTable(np.stack(filled), np.stack([i for _, i in places], axis=1))

    @property
    def products(self) -> np.ndarray:
        """The matrix of products, int64 ``[places * K, places * size]``: a block for each place."""
        places, k, size = self.vectors.shape
        out = np.zeros((places, k, places, size), np.int64)
        out[np.arange(places), :, np.arange(places)] = self.vectors
        return out.reshape(places * k, places * size)

    @property
    def chosen(self) -> np.ndarray:
        """The matrix that adds products, int64 of 0 and 1, ``[rows, places * K]``."""
        k = self.vectors.shape[1]
        return (
            (self.indices[:, :, None] == np.arange(k))
            .astype(np.int64)
            .reshape(len(self.indices), -1)
        )


def split_products(graph: Graph, whole: Collection[str] = ()) -> Graph:
    """Split each product-quantized matrix of ``graph`` in two, if that saves LUTs.

    The first has the layer's name and `SUFFIX`. ``whole``: nodes that are not split, because their
    weights may change or are built into logic.
    """
    nodes: list[Operator] = []
    for node in graph.nodes:
        table = None
        if isinstance(node, MatVec) and node.name not in whole:
            table = cheapest_table(node)
        nodes += [node] if table is None else _split(node, table)  # pyright: ignore
    if len(nodes) == len(graph.nodes):
        return graph
    return rebuild(graph.replace(nodes=tuple(nodes)), graph.sink)


def cheapest_table(node: MatVec) -> ProductTable | None:
    """Return the vectors of the fewest LUTs, None where too little is saved."""
    kept = node.free or node.inside is not None or node.weight_type.bits == 1
    if kept or node.x.type.coding.one_hot:
        return None
    own = node.weights.size * lane_cost(node.weight_type, node.x.type)
    best, least = None, (1 - LEAST_SAVED) * own
    for size in divisors(node.cols):
        table = ProductTable.of(node.weights, size) if 2 <= size <= MOST_SIZE else None
        if table is not None and table.vectors.size * node.cols // size <= MOST_ELEMENTS:
            luts = _luts(node, table)
            if luts < least:
                best, least = table, luts
    return best


def _luts(node: MatVec, table: ProductTable) -> float:
    """Return the LUTs of all products, and of the multiplexers and adders that follow them."""
    products, _ = _split(node, table)
    inputs = table.vectors.shape[1]
    bits = products.y.type.bits
    added = lane_cost(IntType(0, 1), products.y.type) + bits * MUX_LUTS[inputs]
    multiplied = lane_cost(products.weight_type, products.x.type)
    return table.vectors.size * multiplied + table.indices.size * added


def _split(node: MatVec, table: ProductTable) -> tuple[MatVec, MatVec]:
    """Return the matrix of products and the one that adds them, which has the node's name."""
    w = table.products
    type = IntType.for_range(lo=min(0, int(w.min())), hi=max(0, int(w.max())))
    products = node.replace(
        name=node.name + SUFFIX, weights=w, weight_type=type, spans=(), reach=None
    )
    ends = products.row_ranges
    spans = tuple(zip(ends.lo.tolist(), ends.hi.tolist(), strict=True))
    added = node.replace(
        inputs=(products.name,),
        operands=(products.y,),
        weights=table.chosen,
        weight_type=IntType(0, 1),
        spans=spans,
    )
    return products, added
