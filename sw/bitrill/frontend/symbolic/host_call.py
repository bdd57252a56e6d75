"""A node that the host computes, with its operands: the argument of every host rule."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from ..reader.model import Node
from .builder import GraphBuilder
from .call import Call
from .constants import Const, Quantized
from .hosted import Hosted, on_host, require_numbers
from .refusal import RefusedError
from .values import Data, Known

Operand: TypeAlias = Known | Hosted | None


class HostCall(Call):
    """A node and the values of its inputs, some of which the host computes."""

    def __init__(self, builder: GraphBuilder, node: Node, operands: list[Operand]) -> None:
        super().__init__(builder, node, [None if isinstance(v, Hosted) else v for v in operands])
        self.operands = operands

    def has(self, i: int) -> bool:
        return i < len(self.operands) and self.operands[i] is not None

    @property
    def only_data(self) -> bool:
        """Whether several operands depend on the input, and the host computes none of them."""
        data = [v for v in self.operands if isinstance(v, Data)]
        return len(data) > 1 and not any(isinstance(v, Hosted) for v in self.operands)

    def is_constant(self, i: int) -> bool:
        """Return whether input ``i`` is a constant."""
        return isinstance(self.operands[i], Const | Quantized)

    def hosted(self, i: int) -> Hosted:
        """Return input ``i`` as a value of the host."""
        v = self.operands[i] if self.has(i) else None
        return v if isinstance(v, Hosted) else on_host(self, self.data(i))

    def numbers(self, i: int) -> Hosted:
        """Return input ``i``, which must be numbers, not indices."""
        x = self.hosted(i)
        require_numbers(x, self.node)
        return x

    def floats(self, i: int, what: str) -> np.ndarray:
        """Return constant input ``i`` as float64."""
        array = self.exact(i, what)
        out = np.array([float(v) for v in array.reshape(-1)])
        return out.reshape(array.shape)

    def axis(self, axis: int, rank: int) -> int:
        """Return ``axis``, of ``rank`` axes, counted from the first; the batch axis is refused."""
        if not -rank <= axis < rank:
            raise RefusedError(f"its axis must be -{rank}..{rank - 1}, not {axis}")
        if axis % rank == 0:
            raise RefusedError(f"its axis must not be that of the batch, {axis}")
        return axis % rank

    def axes(self, axes: Iterable[int], rank: int) -> tuple[int, ...]:
        """Return different axes, each as `axis` does."""
        numbers = tuple(self.axis(a, rank) for a in axes)
        if len({*numbers}) < len(numbers):
            raise RefusedError(f"its axes must be different, not {list(numbers)[:8]}")
        return numbers
