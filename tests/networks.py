"""Imported networks with random batch norm, for the passes' tests."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from bitrill.exact import Real, sqrt
from bitrill.ir import BIPOLAR, Graph, IntType, Sink, Source, Stage, Tensor
from bitrill.ir.activation import Activation, Function, Quantizer
from bitrill.ops import MatVec
from bitrill.passes.input_quantizer import input_quantizer
from bitrill.real import Affine, Clip, Step

UINT4 = IntType(0, 15)


def float32s(rng: np.random.Generator, lo: float, hi: float, n: int) -> tuple[Fraction, ...]:
    """Random float32 numbers as the rationals they are."""
    return tuple(Fraction(float(v)) for v in rng.uniform(lo, hi, n).astype(np.float32))


def batch_norm(rng: np.random.Generator, n: int, *, spread: float = 20.0) -> Affine:
    """``(x - mean) / sqrt(var + eps) * gamma + beta``, a third of the slopes negative."""
    eps = Fraction(float(np.float32(1e-5)))
    mean, var = float32s(rng, -spread, spread, n), float32s(rng, 1, spread**2, n)
    gamma, beta = float32s(rng, -1, 2, n), float32s(rng, -1, 1, n)
    scale = [g / sqrt(v + eps) for g, v in zip(gamma, var, strict=True)]
    offset = [b - m * s for b, m, s in zip(beta, mean, scale, strict=True)]
    return Affine(tuple(scale), tuple(offset))


def random_weights(rng: np.random.Generator, t: IntType, shape: tuple[int, ...]) -> np.ndarray:
    """Values of ``t``."""
    return t.values()[rng.integers(0, t.n_values, shape)]


def mlp(
    sizes: tuple[int, ...],
    *,
    weights: IntType = BIPOLAR,
    quantizer: Quantizer | None = None,
    x: IntType = BIPOLAR,
    relu: bool = False,
    scale: tuple[Real, ...] = (Fraction(1, 3),),
    offset: tuple[Real, ...] = (Fraction(1, 7),),
    seed: int = 0,
) -> Graph:
    """``sizes[0]-..-sizes[-1]``, stage IMPORTED: nodes fc0, act0, fc1, .. up to the last fc."""
    rng = np.random.default_rng(seed)
    tensor = Tensor((sizes[0],), x)
    levels = input_quantizer(Function((), Quantizer(x)))
    nodes, edge, t = [], "input", tensor
    for i, (cols, rows) in enumerate(pairwise(sizes)):
        w = random_weights(rng, weights, (rows, cols))
        fc = MatVec(name=f"fc{i}", inputs=(edge,), operands=(t,), weights=w, weight_type=weights)
        nodes.append(fc)
        edge, t = fc.name, fc.y
        if i < len(sizes) - 2:
            steps: tuple[Step, ...] = (batch_norm(rng, rows),)
            steps += (Clip(Fraction(0), None),) if relu else ()
            function = Function(steps, quantizer or Quantizer(BIPOLAR))
            act = Activation(name=f"act{i}", inputs=(edge,), operands=(t,), function=function)
            nodes.append(act)
            edge, t = act.name, act.y
    return Graph(
        name="mlp",
        stage=Stage.IMPORTED,
        source=Source(shape=tensor.shape, tensor=tensor, quantizer=levels),
        nodes=tuple(nodes),
        sink=Sink(shape=t.shape, edge=edge, tensor=t, scale=scale, offset=offset),
    )


def inputs(graph: Graph, n: int, seed: int = 1) -> np.ndarray:
    """Random inputs of a graph."""
    rng = np.random.default_rng(seed)
    return random_weights(rng, graph.source.tensor.type, (n, *graph.source.shape))
