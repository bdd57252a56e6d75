"""Protocols of a matrix: the sizes, values, types and folding that plans of matrix units read.

Matrix operators have these members. The plans need nothing else, so this room imports no operator.
"""

from typing import ClassVar, Protocol

import numpy as np

from ..ir import Impl, IntType, Ranges, Tensor


class ConstantMatrix(Protocol):
    """A matrix ``weights [rows, cols]`` of values of ``weight_type``, times vectors of ``x.type``.

    The sums have ``y.type``; ``row_ranges`` narrows its range for each row. ``popcount``: y counts
    the elements where bipolar x and weights agree. ``spans``: lowest and highest value of each
    column's x; none if each has all values of its type.
    """

    @property
    def rows(self) -> int: ...
    @property
    def cols(self) -> int: ...
    @property
    def weights(self) -> np.ndarray: ...
    @property
    def weight_type(self) -> IntType: ...
    @property
    def x(self) -> Tensor: ...
    @property
    def y(self) -> Tensor: ...
    @property
    def popcount(self) -> bool: ...
    @property
    def spans(self) -> tuple[tuple[int, int], ...]: ...
    @property
    def row_ranges(self) -> Ranges: ...


class FoldedMatrix(ConstantMatrix, Protocol):
    """A matrix with its folding ``folded``: a vector takes ``neuron_fold * synapse_fold`` steps.

    ``read_stages``: registers up to the operands of the sums; ``inside``: the taps that are inside
    the feature map, ``[places, taps]`` for each axis, None without padding of this kind;
    ``distances``: y sums ``-|w - x|`` instead of products; ``lanes``: products of a row in a step.
    """

    distances: ClassVar[bool]

    @property
    def folded(self) -> Impl: ...
    @property
    def neuron_fold(self) -> int: ...
    @property
    def synapse_fold(self) -> int: ...
    @property
    def lanes(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def read_stages(self) -> int: ...
    @property
    def inside(self) -> tuple[np.ndarray, ...] | None: ...


class SerialMatrix(FoldedMatrix, Protocol):
    """A matrix for a bit-serial unit; ``serial_range``: the range of its accumulators."""

    @property
    def serial_range(self) -> IntType: ...


class DistanceMatrix(FoldedMatrix, Protocol):
    """A matrix of distances; ``reached``: its weights, clipped to the range of x."""

    @property
    def reached(self) -> np.ndarray: ...
