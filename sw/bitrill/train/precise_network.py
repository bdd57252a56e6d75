"""Networks of layers with learned precision, and their export to QONNX with a width an element."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from ..frontend.reader.local_functions import IR_VERSION
from .onnx_nodes import OPSET, QONNX, Nodes
from .precise_layers import PreciseActivation, PreciseLinear


class PreciseNetwork(nn.Module):
    """Inputs from 0 to 1 in ``input_bits``, then matrices; between two of them a batch norm and
    an activation. The last one's outputs times ``temperature`` are the scores of the classes.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], classes: int, input_bits: int = 1):
        super().__init__()
        most = max(1, input_bits)
        first = PreciseActivation(inputs, bits=input_bits, most=most, learned=False)
        parts: list[nn.Module] = [first, PreciseLinear(inputs, (*hidden, classes)[0])]
        for a, b in pairwise((*hidden, classes)):
            norm = nn.BatchNorm1d(a)
            nn.init.constant_(norm.weight, 0.5)
            nn.init.constant_(norm.bias, 0.5)
            parts += [norm, PreciseActivation(a), PreciseLinear(a, b)]
        self.parts = nn.Sequential(*parts)
        self.temperature = nn.Parameter(torch.tensor(4.0))

    @property
    def activations(self) -> list[PreciseActivation]:
        """The activations, the input's first."""
        return [part for part in self.parts if isinstance(part, PreciseActivation)]

    def matrices(self) -> list[Tensor]:
        """Return the rounded weights of each matrix."""
        return [p.values().detach() for p in self.parts if isinstance(p, PreciseLinear)]

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(x.flatten(1)) * self.temperature


def affine(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Return factor and offset of a batch norm that no longer learns, as float32."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    factor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    offset = norm.bias.double() - norm.running_mean.double() * factor
    return factor.float().detach(), offset.float().detach()


@torch.no_grad()
def exact_sums(network: PreciseNetwork, x: Tensor) -> Tensor:
    """Return the last matrix' sums in float64, which holds every number of the network."""
    x = x.flatten(1).double()
    for part in network.parts:
        if isinstance(part, nn.BatchNorm1d):
            factor, offset = affine(part)
            x = x * factor.double() + offset.double()
        elif isinstance(part, PreciseLinear):
            x = x @ part.values().double().t()
        else:
            x = part(x)
    return x


def to_onnx(network: PreciseNetwork, shape: Sequence[int]) -> onnx.ModelProto:
    """Return the model of inputs of ``shape``; its outputs are the sums of the classes."""
    nodes = Nodes()
    x = nodes.add("Flatten", "flat", "x") if len(shape) > 1 else "x"
    for n, part in enumerate(network.parts):
        if isinstance(part, PreciseActivation):
            x = _activation(nodes, n, x, part)
        elif isinstance(part, PreciseLinear):
            x = nodes.add("MatMul", f"sums{n}", x, _weights(nodes, n, part))
        elif isinstance(part, nn.BatchNorm1d):
            factor, offset = affine(part)
            x = nodes.add("Mul", f"scaled{n}", x, nodes.constant(f"factor{n}", factor.numpy()))
            x = nodes.add("Add", f"moved{n}", x, nodes.constant(f"offset{n}", offset.numpy()))
    classes = int(network.parts[-1].weight.shape[0])  # pyright: ignore
    graph = helper.make_graph(
        nodes.nodes,
        "precise",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["batch", classes])],
        nodes.constants,
    )
    domains = [helper.make_opsetid("", OPSET), helper.make_opsetid(QONNX, 1)]
    return helper.make_model(graph, ir_version=IR_VERSION, opset_imports=domains)


def _activation(nodes: Nodes, n: int, x: str, part: PreciseActivation) -> str:
    """Add a quantizer with a width for each channel."""
    bits = part.bits.detach().round()
    zero = nodes.constant(f"zero{n}", np.array(0))
    scale = nodes.constant(f"scale{n}", torch.exp2(-bits).numpy()[None])
    width = nodes.constant(f"width{n}", bits.numpy()[None])
    return nodes.quant(f"values{n}", x, scale, zero, width, signed=False)


def _weights(nodes: Nodes, n: int, part: PreciseLinear) -> str:
    """Add weights ``[inputs, outputs]`` with a scale and a width for each; 0 where pruned."""
    values = part.values().detach().t()
    fraction = part.fraction.detach().round().expand_as(part.weight).t()
    integers = (values * torch.exp2(fraction)).abs()
    width = torch.where(integers > 0, torch.floor(torch.log2(integers.clamp(min=1))) + 2, 0)
    if not integers.any():
        width, fraction = torch.full_like(width, 2), torch.zeros_like(fraction)
    fraction = torch.where(integers > 0, fraction, torch.zeros_like(fraction))
    constants = {"weight": values, "step": torch.exp2(-fraction), "bits": width}
    inputs = [nodes.constant(f"{name}{n}", v.numpy()) for name, v in constants.items()]
    zero = nodes.constant(f"none{n}", np.array(0))
    return nodes.quant(f"weights{n}", inputs[0], inputs[1], zero, inputs[2], signed=True)
