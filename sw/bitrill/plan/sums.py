"""How a lane's products are summed: computed here, rendered by ``bitrill_hw.arith``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ops.matvec import MatVec


def sum_stages(op: MatVec) -> int:
    """Registers between the products' operands and the accumulator's adder."""
    raise NotImplementedError
