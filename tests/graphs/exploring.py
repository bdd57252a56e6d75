"""Draws random networks by number: the same in every run; a failing one is shrunk."""

from __future__ import annotations

from collections.abc import Callable

from graphs.cases import Case, cases
from hypothesis import HealthCheck, Phase, given, seed, settings

GENERATED = (Phase.generate,)
SHRUNK = (Phase.generate, Phase.shrink)


def explore(
    number: int, n: int, holds: Callable[[Case], None], *, phases: tuple[Phase, ...] = SHRUNK
) -> None:
    """Call ``holds`` for the ``n`` networks of ``number``.

    A failure prints the smallest failing network as a table, and as a `Case.load` that repeats it.
    """

    # a seed instead of `derandomize`, which would give every group the same networks
    @seed(number)
    @settings(
        max_examples=n,
        database=None,
        deadline=None,
        print_blob=True,
        phases=phases,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(cases())
    def network(case: Case) -> None:
        holds(case)

    network()


def drawn(number: int, n: int) -> list[Case]:
    """The networks that `explore` takes if nothing fails."""
    networks: list[Case] = []
    explore(number, n, networks.append, phases=GENERATED)
    return networks
