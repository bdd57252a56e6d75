"""Quantizers for Brevitas modules, as FINN's examples use them (Umuroglu et al. 2017).

Use them in your own modules, as ``examples/own_model.py`` does; Bitrill imports what they export.
Weights are quantized on a fixed scale, so they should be kept in -1..1 (`clamp_weights` after
each step of the optimizer, `init_weights` before the first):

=============  =============================================  ==============================
class          values                                         with
=============  =============================================  ==============================
BinaryWeight   -1, +1 (0 gives +1)                            ``weight_quant=``
TernaryWeight  -1, 0, +1                                      ``weight_quant=``
IntWeight      ``k / (2**(n-1) - 1)``, signed narrow n bits   ``weight_quant=``,
                                                              ``weight_bit_width=n`` (or 4)
IntActivation  1 bit: -1, +1; n bits: the same as IntWeight   ``act_quant=``, ``bit_width=n``
=============  =============================================  ==============================
"""

from collections.abc import Mapping
from typing import Any

import torch
from brevitas import config
from brevitas.core.bit_width import BitWidthImplType
from brevitas.core.quant import QuantType
from brevitas.core.restrict_val import FloatToIntImplType, RestrictValueType
from brevitas.core.scaling import ScalingImplType
from brevitas.core.zero_point import ZeroZeroPoint
from brevitas.inject import ExtendedInjector, value
from brevitas.nn.mixin.parameter import QuantWeightMixin
from brevitas.quant.solver import ActQuantSolver, WeightQuantSolver


class Fixed(ExtendedInjector):
    """Signed, narrow, symmetric quantization on a constant scale; one bit is binary."""

    bit_width_impl_type = BitWidthImplType.CONST
    scaling_impl_type = ScalingImplType.CONST
    restrict_scaling_type = RestrictValueType.FP
    zero_point_impl = ZeroZeroPoint
    float_to_int_impl_type = FloatToIntImplType.ROUND
    scaling_per_output_channel = False
    narrow_range = True
    signed = True

    @value
    def quant_type(bit_width):  # noqa: N805 - an injected value, not a method
        return QuantType.BINARY if bit_width == 1 else QuantType.INT


class BinaryWeight(Fixed, WeightQuantSolver):
    """Weights -1 and +1; 0 gives +1."""

    scaling_const = 1.0
    bit_width = 1


class TernaryWeight(Fixed, WeightQuantSolver):
    """Weights -1, 0, +1, rounded half to even; zeroed weights keep their gradient."""

    scaling_const = 1.0
    bit_width = 2


class IntWeight(Fixed, WeightQuantSolver):
    """Weights that are signed narrow integers on -1..1, of ``weight_bit_width`` bits."""

    scaling_const = 1.0
    bit_width = 4


class IntActivation(Fixed, ActQuantSolver):
    """Activations that are signed narrow integers on -1..1, binary for ``bit_width=1``."""

    min_val = -1.0  # pyright: ignore[reportAssignmentType] - Brevitas has a function of this name
    max_val = 1.0


def quantized_layers(module: torch.nn.Module) -> list[tuple[str, Any]]:
    """Return ``(name, layer)`` of each layer whose weights are quantized, in the module's order."""
    return [(n, m) for n, m in module.named_modules() if isinstance(m, QuantWeightMixin)]


def init_weights(module: torch.nn.Module, generator: torch.Generator | None = None) -> None:
    """Draw the weights of all quantized layers uniformly from -1..1."""
    for _, layer in quantized_layers(module):
        torch.nn.init.uniform_(layer.weight.data, -1, 1, generator=generator)


def clamp_weights(module: torch.nn.Module) -> None:
    """Clamp the weights of all quantized layers to -1..1; beyond, they would get no gradient."""
    with torch.no_grad():
        for _, layer in quantized_layers(module):
            layer.weight.clamp_(-1, 1)


def load_state(module: torch.nn.Module, state: Mapping[str, Any]) -> None:
    """Call ``module.load_state_dict(state)`` and keep the quantizers that the module has.

    Brevitas would create new ones, with trained scales that the optimizer does not update.
    """
    before = config.REINIT_ON_STATE_DICT_LOAD
    config.REINIT_ON_STATE_DICT_LOAD = False
    try:
        module.load_state_dict(state)
    finally:
        config.REINIT_ON_STATE_DICT_LOAD = before
