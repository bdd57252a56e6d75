"""Members of a matrix operator that units read."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np

from ...arith.column_steps import ColumnPlans
from ...arith.lane_choice import LaneChoices
from ...arith.matrix_protocols import SerialMatrix
from ...arith.shared_values import SharedValues
from ...ir import Impl


class MatrixLike(SerialMatrix, Protocol):
    """Members of a matrix operator (`bitrill.ops.units.matrix.Matrix`) that units read."""

    @property
    def name(self) -> str: ...
    @property
    def free(self) -> bool: ...
    @property
    def plane_pairs(self) -> int: ...
    @property
    def memory_stages(self) -> int: ...
    @property
    def latency(self) -> int: ...
    def weight_words(self) -> np.ndarray: ...
    @property
    def column_plans(self) -> ColumnPlans: ...
    @property
    def lane_choices(self) -> LaneChoices: ...
    @property
    def shared_values(self) -> SharedValues: ...
    def at(self, impl: Impl) -> Self: ...
