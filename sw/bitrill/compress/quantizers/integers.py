"""Quantizers of plain integers times a scale, by Brevitas, and how the scales are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import brevitas.nn as qnn
import torch
from brevitas.core.function_wrapper import CeilSte
from brevitas.core.restrict_val import RestrictValueType
from brevitas.core.scaling import ScalingImplType
from brevitas.core.stats import NegativeMinOrZero
from brevitas.core.zero_point import ParameterFromStatsFromParameterZeroPoint
from brevitas.inject.enum import StatsOp
from brevitas.quant import base
from brevitas.quant.solver import ActQuantSolver, WeightQuantSolver
from torch import Tensor, nn

from ...train import brevitas_quantizers
from .weight_words import INTEGER, Arguments, word

Calibration: TypeAlias = Literal["minmax", "percentile", "mse", "kl", "hqo"]


@dataclass(frozen=True)
class RangeRule:
    """How the range of real values that integers represent is found.

    ``calibration``: ``minmax`` uses the largest magnitude; ``percentile`` (activations) a
    percentile of the magnitudes (Wu et al. 2020); ``mse`` the least squared error (Banner et al.
    2019); ``kl`` (activations) the least divergence of histograms (Migacz 2017); ``hqo`` (weights)
    half-quadratic optimisation (Badri and Shaji 2023). By default, and for tensors that the chosen
    one is not for: activations by percentile, weights by their largest magnitude. ``zero_points``:
    ranges that are not symmetric about zero get unsigned integers minus an integer zero point
    (Krishnamoorthi 2018). ``power_of_two``: scales are powers of two, so that shifts replace
    multiplications (Gysel et al. 2018). ``fixed``: scales of weights are found once and kept, while
    weights change.
    """

    calibration: Calibration | None = None
    percentile: float = 99.999
    zero_points: bool = False
    power_of_two: bool = False
    fixed: bool = False

    @property
    def restriction(self) -> dict[str, object]:
        """What restricts scales, in Brevitas' words."""
        if not self.power_of_two:
            return {"restrict_scaling_type": RestrictValueType.FP}
        kind = RestrictValueType.POWER_OF_TWO
        return {"restrict_scaling_type": kind, "restrict_value_float_to_int_impl": CeilSte}


DEFAULT = RangeRule()


class KlThreshold(nn.Module):
    """The magnitude to clip at with the least divergence ``sum P log(P / Q)`` (Migacz 2017).

    P: the histogram of magnitudes, those above the threshold in its last bin; Q: the same in as
    many groups as there are levels, each spread evenly over its bins that are not empty. Zeros are
    not counted: every grid represents them exactly, and half of the results of ReLUs, in one bin,
    would make all coarse groups look bad.
    """

    BINS = 512
    EMPTY = 1e-4
    """Share that replaces 0, which has no logarithm."""

    def __init__(self, signed: bool, bit_width: int):
        super().__init__()
        self.levels = 1 << bit_width - signed

    def forward(self, x: Tensor) -> Tensor:
        size = x.detach().abs()
        top = size.max().clamp(min=torch.finfo(x.dtype).tiny)
        counts = torch.histc(size[size > 0], self.BINS, 0, float(top))
        if not counts.any():
            return top
        tried = range(min(self.levels, self.BINS), self.BINS + 1, 4)
        best = min(tried, key=lambda n: self._divergence(counts, n))
        return top * best / self.BINS

    def _divergence(self, counts: Tensor, n: int) -> float:
        inside, clipped = counts[:n], counts[:n].clone()
        clipped[-1] += counts[n:].sum()
        group = torch.arange(n) * self.levels // n
        sums = torch.zeros(self.levels).index_add(0, group, inside)
        filled = torch.zeros(self.levels).index_add(0, group, (inside > 0).float())
        spread = (sums / filled.clamp(min=1))[group] * (inside > 0)
        p, q = clipped / clipped.sum(), spread / spread.sum().clamp(min=1)
        return float((p * torch.log(p.clamp(min=1e-30) / q.clamp(min=self.EMPTY / n))).sum())


def of_acts(bits: int, rectified: bool, ranges: RangeRule = DEFAULT) -> nn.Module:
    """Make a quantizer of activations with ``bits`` bits.

    One bit: the sign, -1 or +1. More: integers from 0 on if they are rectified, else signed narrow
    ones, or unsigned ones minus a zero point. The scale is learned, starting from calibration.
    """
    if bits == 1:
        return qnn.QuantIdentity(act_quant=brevitas_quantizers.IntActivation, bit_width=1)
    kind = act_quantizer(rectified, ranges)
    if rectified:
        return qnn.QuantReLU(act_quant=kind, bit_width=bits)
    return qnn.QuantIdentity(act_quant=kind, bit_width=bits)


def act_quantizer(rectified: bool, ranges: RangeRule = DEFAULT) -> type:
    """Return a class for Brevitas' ``act_quant=``."""
    shifted = ranges.zero_points and not rectified
    how = ranges.calibration
    given: dict[str, object] = {"bit_width": 8, "narrow_range": not (rectified or shifted)}
    bases: list[type] = []
    if how == "mse":
        bases += (
            [base.MSEAsymmetricScale, base.MSEActZeroPoint] if shifted else [base.MSESymmetricScale]
        )
    elif how == "kl":
        given["scaling_stats_impl"] = KlThreshold
    elif how == "minmax":
        given["scaling_stats_op"] = StatsOp.MIN_MAX if shifted else StatsOp.MAX
        given |= {"zero_point_stats_impl": NegativeMinOrZero} if shifted else {}
    else:
        given["high_percentile_q"] = ranges.percentile
        given |= {"low_percentile_q": 100 - ranges.percentile} if shifted else {}
    if shifted:
        bases += [base.ShiftedParamFromPercentileUintQuant]
        bases += [base.ParamFromRuntimePercentileIntervalScaling]
    else:
        bases += [base.UintQuant if rectified else base.NarrowIntQuant]
        bases += [base.ParamFromRuntimePercentileScaling]
    bases += [base.PerTensorFloatScaling8bit, ActQuantSolver]
    return type("IntegerActs", tuple(bases), given | ranges.restriction)


def of_weights(bits: int, per_channel: bool, ranges: RangeRule = DEFAULT) -> Arguments:
    """Return a layer's arguments for signed narrow integers, or unsigned ones less a zero point."""
    shifted, how = ranges.zero_points, ranges.calibration
    bases: list[type] = []
    given: dict[str, object] = {}
    if how == "mse":
        bases += (
            [base.MSEAsymmetricScale, base.MSEWeightZeroPoint]
            if shifted
            else [base.MSESymmetricScale]
        )
    elif how == "hqo":
        bases.append(base.HQOSymmetricScale)
    elif ranges.fixed:
        given["scaling_impl_type"] = ScalingImplType.PARAMETER_FROM_STATS
        given |= {"zero_point_impl": ParameterFromStatsFromParameterZeroPoint} if shifted else {}
    if shifted:
        bases += [base.ShiftedMinUintQuant, base.MinMaxStatsScaling]
    else:
        bases += [base.NarrowIntQuant, base.MaxStatsScaling]
    bases += [base.PerChannelFloatScaling8bit if per_channel else base.PerTensorFloatScaling8bit]
    kind = type("IntegerWeights", (*bases, WeightQuantSolver), given | ranges.restriction)
    return {"weight_quant": kind, "weight_bit_width": bits}


word(INTEGER, lambda n, c: of_weights(n, c), numbers=range(2, 9))
