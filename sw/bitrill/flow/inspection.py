"""`inspect`: a model at each stage, and what each layer stores and computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..ir import Graph, Operator
from ..ops import L1MatVec, MatVec, Threshold
from ..ops.matvec import Matrix
from ..timing import predict
from .steps import exact_number, fold, integer, load


@dataclass(frozen=True)
class Layer:
    """One node of the folded graph. Counts are of one frame, and exact.

    ``parameters``: weights or thresholds; ``operations``: two for each multiply-accumulate;
    ``weight_bits`` and ``state_bits``: memory for constants and for buffers; ``cycles``: steps a
    frame; the types are those of one element.
    """

    name: str
    kind: str
    parameters: int
    operations: int
    weight_bits: int
    state_bits: int
    cycles: int
    pe: int
    simd: int
    style: str
    memory: str
    weights: str
    input: str
    output: str


@dataclass(frozen=True)
class Inspection:
    """A model at each stage, its layers, and its predicted cycles (None before folding)."""

    stages: tuple[Graph, ...]
    layers: tuple[Layer, ...]
    ii: Fraction
    latency: int

    def json(self) -> dict[str, Any]:
        """The object that ``inspect --json`` prints."""
        totals = ("parameters", "operations", "weight_bits", "state_bits")
        return {
            "stages": {g.stage.value: str(g).splitlines() for g in self.stages},
            "layers": [asdict(layer) for layer in self.layers],
            "total": {key: sum(getattr(layer, key) for layer in self.layers) for key in totals},
            "ii": exact_number(self.ii),
            "latency": self.latency,
        }


def inspect(
    model: str | Path,
    *,
    folding: str | Path | Mapping[str, Any] | None = None,
    raw_input: str | None = None,
    input_scale: str | Fraction | None = None,
    top: int | None = None,
) -> Inspection:
    """Import, make integer and fold, writing nothing; options as in `compile`."""
    imported = load(model, raw_input, input_scale)
    whole = integer(imported, top=top)
    folded = fold(whole, folding)
    predicted = predict.predict(folded)
    layers = tuple(map(_layer, folded.nodes))
    return Inspection((imported, whole, folded), layers, predicted.ii, predicted.latency)


def _layer(op: Operator) -> Layer:
    cost, impl = op.cost(), op.folded
    weights = str(op.weight_type) if isinstance(op, L1MatVec | MatVec) else "-"
    return Layer(
        name=op.name,
        kind=op.kind,
        parameters=_parameters(op),
        operations=2 * cost.macs,
        weight_bits=cost.weight_bits,
        state_bits=cost.state_bits,
        cycles=cost.cycles,
        pe=impl.pe,
        simd=impl.simd,
        style=impl.style,
        memory=impl.memory,
        weights=weights,
        input=str(op.x.type),
        output=str(op.y.type),
    )


def _parameters(op: Operator) -> int:
    if isinstance(op, Matrix):
        return op.weights.size
    return op.thresholds.size if isinstance(op, Threshold) else 0
