"""Helpers of all tests: the root, data outside the repository, tools, a small network."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from bitrill.ir import (
    BIPOLAR,
    INPUT,
    Graph,
    InputQuantizer,
    IntType,
    Operator,
    Sink,
    Source,
    Stage,
    Tensor,
)
from bitrill.ops import MatVec, Threshold

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

ROOT = Path(__file__).resolve().parents[1]

HANG_SECONDS = 1800
"""Time after which a test's process has certainly hung, however busy the machine is."""

TOOL_MISSING = "tool missing: "
"""Prefix of skip reasons that count as failures if CI is set."""


def nightly(*values: object) -> list[ParameterSet]:
    """Parameters of a test that are left to the nightly run; a tuple holds several arguments."""
    return [
        pytest.param(*(v if isinstance(v, tuple) else (v,)), marks=pytest.mark.nightly)
        for v in values
    ]


def shared_data() -> Path:
    """The folder of MNIST and Fashion-MNIST; skips the test if there is none."""
    return _shared("BITRILL_DATA", "data")


def shared_model(name: str) -> Path:
    """A model that was made elsewhere, by file name; skips the test if it is absent."""
    path = _shared("BITRILL_MODELS", "models") / name
    if not path.is_file():
        pytest.skip(f"no model {name} (set BITRILL_MODELS to its folder)")
    return path


def shared_case(name: str) -> Path:
    """A small model of a kind that people have, by file name; skips the test if it is absent."""
    path = _shared("BITRILL_CASES", "cases") / name
    if not path.is_file():
        pytest.skip(f"no case {name} (set BITRILL_CASES to its folder)")
    return path


def need_tool(name: str, how: str = "") -> str:
    """Path of a program that the suite needs; its absence fails the test if CI is set."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{TOOL_MISSING}{name} {how}".strip())
    return found


def optional_tool(name: str) -> str:
    """Path of a program that adds a second opinion; the test is skipped without it, CI or not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; it only adds a second opinion")
    return found


def _shared(variable: str, folder: str) -> Path:
    path = Path(os.environ.get(variable) or ROOT.parent / "shared" / folder)
    if not path.is_dir():
        pytest.skip(f"no folder {folder} beside the repository (set {variable})")
    return path


def integer_mlp(*sizes: int, levels: int = 1, seed: int = 0) -> Graph:
    """A binary network ``sizes[0]-..-sizes[-1]``, stage INTEGER, quantizing floats at its input.

    Activations have ``levels`` thresholds: bipolar for one, else unsigned.
    """
    rng = np.random.default_rng(seed)
    out = BIPOLAR if levels == 1 else IntType(0, levels)
    x = Tensor((sizes[0],), BIPOLAR)
    quantizer = InputQuantizer(np.array([[0.5]]), np.array([False]), BIPOLAR)
    source = Source(shape=(1, sizes[0]), tensor=x, quantizer=quantizer)
    nodes: list[Operator] = []
    edge = INPUT
    for k, (cols, rows) in enumerate(pairwise(sizes)):
        weights = rng.choice([-1, 1], (rows, cols))
        fc = MatVec(
            name=f"fc{k}", inputs=(edge,), operands=(x,), weights=weights, weight_type=BIPOLAR
        )
        nodes.append(fc)
        edge, x = fc.name, fc.y
        if k == len(sizes) - 2:
            break
        lo, hi = x.type.lo, x.type.hi
        act = Threshold(
            name=f"act{k}",
            inputs=(edge,),
            operands=(x,),
            out=out,
            thresholds=np.sort(rng.integers(lo, hi + 2, (rows, levels)), axis=1),
            inverted=rng.random(rows) < 0.2,
        )
        nodes.append(act)
        edge, x = act.name, act.y
    scale = tuple(Fraction(k + 1, 7) for k in range(sizes[-1]))
    sink = Sink(shape=(sizes[-1],), edge=edge, tensor=x, scale=scale, offset=(Fraction(-1),))
    return Graph(name="mlp", stage=Stage.INTEGER, source=source, nodes=tuple(nodes), sink=sink)
