"""The rules of an elastic pipeline, checked against a cycle-by-cycle model of its valid bits."""

import numpy as np
import pytest
from bitrill.ir import pipeline


def stages(*, latency: int, offered: list[int], ready: list[bool]) -> tuple[list[int], list[int]]:
    """Valid bits moved cycle by cycle: the edges at which each beat enters and leaves."""
    valid: list[int | None] = [None] * latency
    entered: list[int] = []
    left: list[int] = []
    for cycle in range(len(ready)):
        enable = [False] * latency
        go = ready[cycle]
        for s in reversed(range(latency)):
            go = valid[s] is None or go
            enable[s] = go
        if valid[-1] is not None and ready[cycle]:
            left.append(cycle)
        k = len(entered)
        takes = k < len(offered) and offered[k] <= cycle and enable[0]
        if takes:
            entered.append(cycle)
        for s in reversed(range(latency)):
            if enable[s]:
                valid[s] = (k if takes else None) if s == 0 else valid[s - 1]
    return entered, left


@pytest.mark.parametrize("latency", [1, 2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_an_elastic_pipeline_keeps_its_rules_to_the_cycle(latency: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 30
    offered = np.cumsum(rng.integers(0, 3, n)).tolist()
    ready = [*(rng.random(200) < 0.5).tolist(), *[True] * 100]
    entered, left = stages(latency=latency, offered=offered, ready=ready)

    out, into = pipeline(n=n, latency=latency).rules
    t_in: list[int] = []
    t_out: list[int] = []
    for k in range(n):
        earliest = max(offered[k], t_in[-1] + 1 if t_in else 0)
        room = int(into.index[k])
        t_in.append(max(earliest, t_out[room] + into.delay) if room >= 0 else earliest)
        cycle = max(t_in[int(out.index[k])] + out.delay, t_out[-1] + 1 if t_out else 0)
        while not ready[cycle]:
            cycle += 1
        t_out.append(cycle)
    assert t_in == entered
    assert t_out == left


def test_a_pipeline_has_as_many_beats_out_as_in() -> None:
    s = pipeline(n=7, latency=3)
    assert (s.n_in, s.n_step, s.n_out) == (7, 0, 7)
