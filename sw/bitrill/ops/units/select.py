"""The selecting unit: a folded unit whose lanes choose their columns, for N:M sparse rows."""

import numpy as np

from ...arith.accumulate import starts, stored_weights
from ...arith.lane_choice import LaneChoice
from ...arith.products import lane_cost
from ...errors import SpecError
from ...ir import Impl, Primitives, Structure
from .folded import Folded
from .matrix_like import MatrixLike

MUX_LUTS = {1: 0.0, 2: 0.5, 3: 1.0, 4: 1.0} | {n: (n + 3) // 4 * 1.0 for n in range(5, 17)}
"""LUTs of a multiplexer, by its number of data inputs."""


class Select(Folded, style="folded", multiply="select"):
    """A `Folded` unit with N multipliers a row for each M columns (`bitrill.arith.lane_choice`).

    The weight memory also stores the indices of the lanes; its output passes multiplexers and one
    more register. N and M follow from the zeros of the weights.
    """

    component = "bitrill_hw.matvec.select:SelectMatVecCore"
    leaves_zeros_out = True

    def check(self, op: MatrixLike, impl: Impl) -> None:
        if op.free or op.popcount or op.inside is not None or op.x.type.coding.one_hot:
            raise SpecError(
                f"{op.name}: a matvec with multiply 'select' must have constant weights that can be"
                f" 0, and x as plain integers, not {op.weight_type} by {op.x.type}"
            )
        if next(op.lane_choices.at(impl.pe, impl.simd), None) is None:
            raise SpecError(
                f"{op.name}: multiply 'select' must have a zero in each 2, 4, 8 or 16 neighbouring"
                f" columns of every row, and SIMD be a multiple of these, not {impl.simd}"
            )

    def searched(self, op: MatrixLike, primitives: Primitives) -> bool:
        fixed = op.free or op.popcount or op.inside is not None or op.x.type.coding.one_hot
        return not fixed and op.lane_choices.sparse

    def worth(self, op: MatrixLike, pe: int, simd: int, *, settled: bool) -> bool:
        return next(op.lane_choices.at(pe, simd), None) is not None

    def choice(self, op: MatrixLike) -> LaneChoice:
        """Return the lanes with the fewest LUTs for multipliers and multiplexers."""
        pe, own = op.folded.pe, lane_cost(op.weight_type, op.x.type)

        def cost(c: LaneChoice) -> tuple[float, int]:
            mux = op.x.type.bits * MUX_LUTS[c.inputs]
            return c.n / c.m * (own + (mux / pe if c.shared else mux)), c.m

        return min(op.lane_choices.at(pe, op.folded.simd), key=cost)

    def lanes(self, op: MatrixLike) -> int:
        c = self.choice(op)
        return op.folded.simd // c.m * c.n

    def places(self, op: MatrixLike) -> np.ndarray:
        """Column that each lane of each row multiplies, int64 ``[rows, lanes of all beats]``."""
        return self.choice(op).places(op.lane_choices.nonzero, op.folded.pe)

    def read_stages(self, op: MatrixLike) -> int:
        return op.memory_stages + 1

    def kept(self, op: MatrixLike) -> np.ndarray:
        """The weights of the lanes, int64 ``[rows, lanes of all beats]``."""
        return np.take_along_axis(op.weights, self.places(op), axis=1)

    def stored(self, op: MatrixLike) -> np.ndarray:
        return stored_weights(op, self.kept(op))

    def starts(self, op: MatrixLike) -> np.ndarray:
        return starts(op, weights=self.kept(op))

    def stepped(self, op: MatrixLike, words: np.ndarray) -> np.ndarray:
        return np.concatenate([words.reshape(op.steps, -1), self.index_words(op)], axis=1)

    def index_words(self, op: MatrixLike) -> np.ndarray:
        """Indices of each step, uint8 ``[steps, bits]``: ``[lane][plane][row]``.

        There is one row where indices are shared.
        """
        c, pe = self.choice(op), op.folded.pe
        codes = c.indices(self.places(op)).reshape(op.neuron_fold, pe, op.synapse_fold, -1)
        codes = codes[:, :1] if c.shared else codes
        planes = codes[..., None] >> np.arange(c.index_bits) & 1
        return planes.transpose(0, 2, 3, 4, 1).reshape(op.steps, -1).astype(np.uint8)

    def word_bits(self, op: MatrixLike) -> int:
        c, pe, lanes = self.choice(op), op.folded.pe, self.lanes(op)
        return lanes * (pe * op.weight_type.bits + c.index_bits * (1 if c.shared else pe))

    def stored_bits(self, op: MatrixLike) -> int:
        return op.steps * self.word_bits(op)

    def front(self, s: Structure, op: MatrixLike) -> None:
        c, pe, lanes = self.choice(op), op.folded.pe, self.lanes(op)
        chosen = lanes * op.x.type.bits * (1 if c.shared else pe)
        s.luts(multiplexers=chosen * MUX_LUTS[c.inputs])
        s.flops(held=chosen + lanes * pe * op.weight_type.bits)
