"""FGQ: ternary weights with a trained scale for each group of an output's inputs.

Mellempudi et al. 2017, "Ternary Neural Networks with Fine-Grained Quantization".
"""

import torch
from torch import Tensor, nn

from .grid_weights import BYTE, GridQuant, GridWeight, byte, ternary

GROUP = 16
"""Inputs in a group."""


class FgqQuant(GridQuant):
    """Rounds to -s, 0, +s with one s, ``1..127`` over 127, for each group of a row's inputs.

    The inputs of a convolution's row are its channels and taps, flattened. The last group may be
    smaller.
    """

    def __init__(self, tracked_parameter_list: list[Tensor], inputs_of_group: int):
        super().__init__(BYTE)
        (weight,) = tracked_parameter_list
        rows, inputs = weight.shape[0], weight[0].numel()
        self.inputs = inputs_of_group
        groups = -(-inputs // self.inputs)
        self.scales = nn.Parameter(torch.full((rows, groups), 0.5))

    def integers(self, x: Tensor) -> Tensor:
        rows = x.reshape(x.shape[0], -1)
        scales = byte(self.scales).repeat_interleave(self.inputs, 1)[:, : rows.shape[1]]
        return (ternary(rows) * scales).reshape(x.shape)

    def clamp_(self) -> None:
        self.scales.clamp_(1 / BYTE, 1)


class FgqWeight(GridWeight):
    """Weights -s/127, 0, +s/127, with an s trained for each 16 inputs of an output."""

    tensor_quant = FgqQuant  # pyright: ignore[reportAssignmentType]
    inputs_of_group = GROUP
