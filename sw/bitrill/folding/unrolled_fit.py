"""Whether a part has room for the unrolled matrices of a network, asked before they are planned.

Planning a large matrix takes minutes, and a matrix far too large for the part should not.
"""

from collections.abc import Iterable

from ..arith.unrolled import estimated_luts
from ..errors import FitError
from ..ir import Operator
from ..ops import MatVec
from ..parts.devices import DEFAULT_PART, Part, part_of


def require_room(nodes: Iterable[Operator], part: Part | None) -> None:
    """Raise `FitError` unless ``part`` (`DEFAULT_PART` if None) has LUTs for all unrolled nodes.

    The LUTs of their sums are estimated from a sample of their rows.
    """
    part = part or part_of(DEFAULT_PART)
    unrolled = [n for n in nodes if isinstance(n, MatVec) and not n.unit.takes_lanes]
    luts = {n.name: round(estimated_luts(n)) for n in unrolled}
    if sum(luts.values()) > part.lcs:
        each = ", ".join(f"{n.name} {n.cols}x{n.rows} {luts[n.name]}" for n in unrolled)
        raise FitError(
            f"the unrolled matrices do not fit {part.name}: their sums take about"
            f" {sum(luts.values())} LUTs of {part.lcs} ({each}); fold some of them",
            over=[f"lcs {sum(luts.values())} of {part.lcs}"],
        )
