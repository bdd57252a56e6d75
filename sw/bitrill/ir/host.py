"""What the host computes behind a design's integers: the model's functions at its end, and outputs.

The values of a host are numbered. First come the tensors of a frame (`Sink.segments`), dequantized;
each `HostFunction` then adds one. `bitrill_boards.driver.functions` computes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ..exact import Real

HostAttribute: TypeAlias = int | str | tuple[int, ...] | np.ndarray
"""What a host's function may be told; float64 arrays hold numbers."""


@dataclass(frozen=True, eq=False)
class HostFunction:
    """A function of earlier values, under the name that ONNX gives it, with the batch in front.

    ``inputs``: numbers of values. ``attributes``: as ONNX names them; operands that are constants
    are attributes, too. `bitrill_boards.driver.functions.FUNCTIONS` has all names.
    """

    op: str
    inputs: tuple[int, ...]
    attributes: Mapping[str, HostAttribute] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """One output of the model: its name, its shape (no batch axis) and element type as in numpy.

    ``value``: the number of the host's value that it is.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    value: int


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One of several tensors in a frame: ``shape`` as in the model, ``frame`` as on its edge.

    Its integers mean ``scale * integer + offset``; these and ``channel_last`` as in
    `bitrill.ir.interface.Sink`.
    """

    shape: tuple[int, ...]
    frame: tuple[int, ...]
    scale: tuple[Real, ...] = ()
    offset: tuple[Real, ...] = ()
    channel_last: bool = False
