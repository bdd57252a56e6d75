"""Plans of truth tables compute the functions they are made of, inputs that come twice included."""

from __future__ import annotations

import numpy as np
import pytest
from bitrill.arith.lut_tables import Lut, TablePlan, table_plan


def outputs(plan: TablePlan, bits: np.ndarray) -> np.ndarray:
    """What a plan gives for inputs ``[samples, inputs]``."""
    values: list[np.ndarray] = [np.zeros(len(bits), int), np.ones(len(bits), int), *bits.T]
    for part in plan.parts:
        if isinstance(part, Lut):
            address = sum(bits[:, w] << i for i, w in enumerate(part.inputs))
            values.append(np.array([part.table >> int(a) & 1 for a in np.atleast_1d(address)]))
        else:
            values.append(np.where(bits[:, part.select], values[part.high], values[part.low]))
    return np.stack([values[n] for n in plan.outputs], 1)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("inputs", [1, 2, 4])
def test_a_plan_is_its_tables_however_often_an_input_is_read(k: int, inputs: int) -> None:
    rng = np.random.default_rng([k, inputs])
    wires, tables = rng.integers(0, inputs, (60, k)), rng.integers(0, 2, (60, 1 << k))
    tables[::3] = rng.random((20, 1 << k)) < 0.1  # many depend on few of their inputs
    bits = np.arange(1 << inputs)[:, None] >> np.arange(inputs) & 1
    address = (bits[:, wires] << np.arange(k)).sum(-1)
    assert np.array_equal(
        outputs(table_plan(inputs, wires, tables), bits), tables[range(60), address]
    )
