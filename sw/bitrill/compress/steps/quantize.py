"""The step ``quantize``: quantizers by a table over layers, calibrated, trained if asked."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

from ..keys import number
from ..quantizers import weight_words
from ..quantizers.insertion import quantized
from ..quantizers.integers import Calibration, RangeRule
from ..quantizers.quantizer_table import DEFAULT, INPUT, PatternSettings, QuantizerTable
from ..state import Choices, CompressionStep, State, step
from . import calibration
from .learned_rounding import learn_rounding


@step("quantize")
@dataclass(frozen=True, kw_only=True)
class Quantize(CompressionStep):
    """Inserts quantizers into a network; from then on, hardware computes exactly the same.

    ``layers``: a table of patterns over names, ``{weights, acts, joins, scale, output}`` each; see
    `bitrill.compress.quantizers.quantizer_table.PatternSettings`. ``how``: ``qat`` trains for
    ``epochs`` with straight-through gradients, ``ptq`` only sets scales and rounds weights.
    ``samples``: number of training images for this.

    ``calibration``, ``percentile``, ``zero_points``, ``power_of_two``: of integers (`RangeRule`).
    ``equalize`` first makes the ranges of channels alike. With ``ptq``: ``gptq`` or ``gpfq`` round
    weights one after the other; ``rounding = "learned"`` rounds them up or down, by the outputs of
    the layer; ``bias_correction`` subtracts mean errors from biases.
    """

    how: Literal["qat", "ptq"] = "qat"
    layers: dict[str, PatternSettings] = field(default_factory=dict)
    samples: int = number(512, low=1, high=1 << 30)
    calibration: Calibration | None = None
    percentile: float | None = number(None, low=50, high=100)
    zero_points: bool = False
    power_of_two: bool = False
    equalize: bool = False
    gptq: bool = False
    gpfq: bool = False
    rounding: Literal["nearest", "learned"] = "nearest"
    bias_correction: bool = False

    def faults(self) -> list[str]:
        chosen = self._rounds()
        faults: list[str] = []
        if self.percentile is not None and self.calibration != "percentile":
            faults.append("percentile needs calibration = 'percentile'")
        if self.zero_points and self.calibration in ("kl", "hqo"):
            faults.append(f"zero_points: calibration must not be {self.calibration!r}, whose")
            faults[-1] += " ranges lie evenly about zero"
        if len(chosen) > 1:
            faults.append(f"{' and '.join(chosen)} do not go together: each rounds all weights")
        if self.how == "qat" and (after := [*chosen, *self.bias_correction * ["bias_correction"]]):
            faults.append(f"{', '.join(after)}: how must be 'ptq', since training rounds anew")
        if chosen:
            faults += self._not_integers(chosen[0])
        return faults

    def _rounds(self) -> list[str]:
        """Return the keys that round weights in another way than to the nearest."""
        chosen = {"gptq": self.gptq, "gpfq": self.gpfq}
        chosen["rounding = 'learned'"] = self.rounding == "learned"
        return [key for key, asked in chosen.items() if asked]

    def _not_integers(self, key: str) -> list[str]:
        rows = {pattern: row.over(DEFAULT) for pattern, row in self.layers.items()}
        return [
            f"{key}: weights of {pattern!r} must be int2 to int8, not {row.weights!r}"
            for pattern, row in rows.items()
            if pattern != INPUT and not weight_words.is_integer(row.weights or "")
        ]

    @property
    def table(self) -> QuantizerTable:
        """The table of quantizers."""
        return QuantizerTable(self.layers)

    @property
    def ranges(self) -> RangeRule:
        """How the ranges of integers are found."""
        return RangeRule(
            self.calibration,
            99.999 if self.percentile is None else self.percentile,
            self.zero_points,
            self.power_of_two,
            fixed=bool(self._rounds()),
        )

    def reshape(self, module: nn.Module, choices: Choices, example: Tensor) -> nn.Module:
        if self.equalize:
            module = calibration.equalized(copy.deepcopy(module))
        if self.bias_correction:
            module = calibration.with_biases(copy.deepcopy(module))
        return quantized(module, self.table, self.ranges)

    def tune(self, state: State, choices: Choices) -> None:
        calibration.calibrate(state, self.samples)
        if self.how == "qat":
            state.fit(self.training)
            return
        if self.gptq or self.gpfq:
            calibration.round_greedily(state, self.samples, "gptq" if self.gptq else "gpfq")
        if self.rounding == "learned":
            learn_rounding(state, self.samples)
        if self.bias_correction:
            calibration.correct_biases(state, self.samples)
