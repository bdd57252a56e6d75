"""Advice: a rule speaks where its figure says so, names it and its source, and else is still."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bitrill.compress import advice
from bitrill.compress import recipe as recipes
from bitrill.compress.advice import Case, advise
from bitrill.compress.module_training import Training
from bitrill.compress.quantizers.insertion import quantized
from bitrill.compress.quantizers.quantizer_table import QuantizerTable
from bitrill.compress.state import CompressionStep
from compress import users_net
from torch import nn

TRAIN = {"kind": "train"}


def quantize(weights: str = "int4", acts: int = 4, **given: Any) -> dict[str, Any]:
    return {"kind": "quantize", "layers": {"*": {"weights": weights, "acts": acts}}, **given}


def prune(**given: Any) -> dict[str, Any]:
    return {"kind": "prune", "shape": "element", "ratio": 0.5, **given}


def case(*tables: dict[str, Any], **given: Any) -> Case:
    """The last of some steps, on a user's network, which lost five points."""
    steps = tuple(recipes.make_step(t, Training(), f"step {k}") for k, t in enumerate(tables, 1))
    torch.manual_seed(0)
    module: nn.Module = users_net.Net()
    for step in steps:
        table = getattr(step, "table", None)
        module = quantized(module, table) if isinstance(table, QuantizerTable) else module
    values = {
        "masks": {},
        "validation": 0.9,
        "best": 0.95,
        "style": "folded",
        "images": 1000,
        "held": 500,
    }
    return Case(steps, len(steps), module, **{**values, **given})


HALF = {"stem": (torch.arange(36) % 2 > 0).float()}


@pytest.mark.parametrize(
    ("rule", "speaks", "figure", "still"),
    [
        (advice.folds, case(TRAIN, held=100), "1.0 points", case(TRAIN)),
        (advice.folds, case(TRAIN, held=10), "10.0 points", case(TRAIN, held=10, folded=True)),
        (advice.from_floats, case(quantize()), "step 1", case(TRAIN, quantize())),
        (advice.ends, case(TRAIN, quantize()), "stem (4 bits)", case(TRAIN, quantize("int8"))),
        (advice.tuning, case(quantize(how="ptq")), "ptq at 4 bits lost 5.0", case(quantize())),
        (advice.activations, case(quantize(acts=2)), "stem has 4-bit", case(quantize(acts=4))),
        (
            advice.zeros,
            case(prune(), masks=HALF),
            "50 %",
            case(prune(), masks=HALF, style="unrolled"),
        ),
        (advice.uniform, case(prune()), "ratio of 0.5", case(prune(ratio={"*": 0.5}))),
        (advice.penalties, case(prune()), "lost 5.0", case(prune(penalty="slimming"))),
        (
            advice.distilling,
            case(TRAIN, quantize()),
            "1,000 training images",
            case(TRAIN, {"kind": "distil", "teacher": "step 1"}, quantize()),
        ),
    ],
)
def test_a_rule_speaks_by_its_figure(
    rule: advice.Rule, speaks: Case, figure: str, still: Case
) -> None:
    assert figure in str(rule(speaks))
    assert rule(still) is None
    if rule not in (advice.folds, advice.from_floats, advice.zeros):
        untouched = Case(**{**speaks.__dict__, "validation": 0.95})
        assert rule(untouched) is None, "nothing is lost"


def test_ranges_of_channels_are_measured() -> None:
    wide = case(TRAIN, quantize())
    layer = wide.module.get_submodule("head")
    with torch.no_grad():
        layer.weight.clamp_(-0.1, 0.1)[3, 0] = 0.8  # pyright: ignore
    assert "ranges of head's channels differ by" in str(advice.channels(wide))
    own = {"*": {"weights": "int4", "scale": "channel"}}
    assert advice.channels(case({"kind": "quantize", "layers": own})) is None


def test_every_line_has_a_source() -> None:
    lines = advise(case(quantize("int2", 1, how="ptq"), held=20))
    assert len(lines) >= 5
    assert all(line.endswith(")") and any(y in line for y in ("20", "Bitrill")) for line in lines)


def test_a_step_without_loss_is_left_alone() -> None:
    steps: tuple[CompressionStep, ...] = case(TRAIN).steps
    assert advise(Case(steps, 1, users_net.Net(), {}, 0.97, 0.0, "folded", 10**6, 10**4)) == ()
