"""Words for activations: values against the papers' formulas, gradients, training, export."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from bitrill.compress.quantizers import act_words
from bitrill.compress.quantizers.act_grids import half_normal_step
from bitrill.compress.quantizers.quantizer_table import PatternSettings
from bitrill.compress.quantizers.quantizer_words import split
from bitrill.compress.steps.calibration import begins
from bitrill.train import qonnx_export
from compress import tiny
from support import nightly
from torch import Tensor, nn

Rule = Callable[[np.ndarray], np.ndarray]


def drawn() -> Tensor:
    return torch.randn(50, 40, generator=torch.Generator().manual_seed(3))


def quantizer_of(word: str) -> nn.Module:
    """Return a quantizer that has begun with `drawn`."""
    module = act_words.make(word, True)
    part = next(p for p in (module, *module.modules()) if begins(p))
    begun = (
        part if hasattr(part, "begin") else next(p for p in part.modules() if hasattr(p, "begin"))
    )
    begun.begin(drawn().relu())  # pyright: ignore[reportCallIssue]
    return module.eval()


def steps(top: int, s: float) -> Rule:
    return lambda x: np.round(np.clip(x / s, 0, top)) * s


def hwgq(bits: int) -> Rule:
    """Search for the step that fits a half normal best."""
    t = np.arange(0.0005, 6, 0.001)
    top = 2**bits - 1

    def error(s: float) -> float:
        return float((np.exp(-(t**2) / 2) * (steps(top, s)(t) - t) ** 2).sum())

    best = min(np.arange(0.02, 2, 0.002), key=error)
    assert half_normal_step(top) == pytest.approx(best, abs=0.004)
    positive = drawn().numpy()[drawn().numpy() > 0]
    return steps(top, half_normal_step(top) * math.sqrt((positive**2).mean()))


def log(bits: int) -> Rule:
    def rule(x: np.ndarray) -> np.ndarray:
        values = x.max() * 2.0 ** np.arange(2 - 2**bits, 1)
        sizes = [v - (v / 2 if k else 0) for k, v in enumerate(values)]
        return np.sum([(x >= v / math.sqrt(2)) * d for v, d in zip(values, sizes, strict=True)], 0)

    return rule


def mean() -> float:
    return float(drawn().relu().mean())


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        *((f"dorefa{n}", steps(2**n - 1, 1 / (2**n - 1))) for n in (1, 2, 4)),
        *((f"pact{n}", lambda x, q=2**n - 1: steps(q, x.max() / q)(x)) for n in (1, 2, 4)),
        *((f"qil{n}", lambda x, q=2**n - 1: steps(q, x.max() / q)(x)) for n in (2, 4)),
        *(
            (f"lsq{n}", lambda x, q=2**n - 1: steps(q, 2 * mean() / math.sqrt(q))(x))
            for n in (1, 2, 4)
        ),
        *((f"hwgq{n}", lambda x, n=n: hwgq(n)(x)) for n in (1, 2, 4)),
        ("log3", log(3)),
    ],
)
def test_values_are_the_paper_s(word: str, rule: Rule) -> None:
    y = quantizer_of(word)(drawn()).detach().numpy()
    wanted = rule(drawn().numpy().astype(np.float64))
    wrong = np.abs(y - wanted) > 1e-4
    assert wrong.mean() < 0.002, "but for halves that float32 rounds otherwise"


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_levels_of_lq_are_nearest_and_better_than_even_ones(bits: int) -> None:
    module, x = quantizer_of(f"lq{bits}"), drawn().relu().numpy()
    y = module(drawn()).numpy()
    levels = np.unique(y)
    assert len(levels) == 2**bits
    nearest = levels[np.abs(x[..., None] - levels).argmin(-1)]
    assert (np.abs(y - nearest) > 1e-4).mean() < 0.002
    if bits == 2:
        assert levels[3] == pytest.approx(levels[1] + levels[2])
    even = steps(2**bits - 1, x.max() / (2**bits - 1))(x)
    assert ((y - x) ** 2).sum() < ((even - x) ** 2).sum()


def test_levels_of_base_root_two() -> None:
    y = quantizer_of("log_root3")(drawn()).numpy()
    levels = np.unique(y)[1:]
    assert levels[-1] == pytest.approx(float(drawn().max()), rel=1e-3)
    assert np.allclose(levels[1:] / levels[:-1], math.sqrt(2), rtol=0.03)
    x = drawn().numpy()
    ideal = levels[-1] * 2.0 ** (-np.arange(6, -1, -1) / 2)
    for level, below, bound in zip(levels, [0, *levels], ideal * 2**-0.25, strict=False):
        far = np.abs(x - bound) > 1e-3 * bound
        assert ((y >= level - 1e-5) == (x >= bound))[far].all(), (level, below)


def test_gradients_are_the_published_ones() -> None:
    g = torch.randn(50, 40, generator=torch.Generator().manual_seed(4))

    def gradient(word: str, **values: float) -> tuple[Tensor, nn.Module]:
        module = quantizer_of(word).train()
        for name, value in values.items():
            dict(module.named_parameters())[parameter(module, name)].data.fill_(value)
        x = drawn().requires_grad_()
        module(x).backward(g)
        assert x.grad is not None
        return x.grad, module

    def parameter(module: nn.Module, name: str) -> str:
        return next(n for n, _ in module.named_parameters() if n.endswith(name))

    def of(module: nn.Module, name: str) -> Tensor:
        given = dict(module.named_parameters())[parameter(module, name)].grad
        assert given is not None
        return given

    x = drawn()
    to_x, module = gradient("pact3", bound=0.8)
    assert torch.equal(to_x, g * ((x > 0) & (x < 0.8)))
    assert torch.allclose(of(module, "bound"), g[x >= 0.8].sum(), rtol=1e-4)
    to_x, module = gradient("lsq2", stride=0.3)
    v = x / 0.3
    of_s = torch.where(v <= 0, torch.zeros(()), torch.where(v >= 3, 3.0, v.round() - v))
    assert torch.allclose(of(module, "stride"), (g * of_s).sum() / math.sqrt(40 * 3), rtol=1e-3)
    to_x, module = gradient("dorefa2")
    assert torch.equal(to_x, g * ((x > 0) & (x < 1)))
    to_x, _ = gradient("hwgq2")
    top = float(quantizer_of("hwgq2")(torch.tensor([[99.0]])))
    assert torch.equal(to_x, g * ((x > 0) & (x < top)))


TRAINED = ["lq2", "pact2", "log_root3"]
OTHERS = [
    "zero_or_one",
    "dorefa1",
    "dorefa2",
    "dorefa8",
    "pact1",
    "pact4",
    "lsq1",
    "lsq2",
    "lsq8",
    "hwgq1",
    "hwgq2",
    "hwgq4",
    "log2",
    "log3",
    "log4",
    "qil1",
    "qil2",
    "qil4",
    "lq1",
    "lq3",
    "log_root2",
    *range(1, 9),
]


@pytest.mark.parametrize("word", [*TRAINED, *nightly(*OTHERS)])
def test_every_word_trains_and_is_exported_exactly(word: str | int, tmp_path: Path) -> None:
    net = tiny.with_quantizers(PatternSettings(weights="int4", acts=word), epochs=3)
    assert net.accuracy() > 0.7
    report = qonnx_export.export(net.module, net.data.x_val[:32], tmp_path / "net.onnx")
    assert report.notes[0].startswith("golden model compared")


def test_every_word_is_tried() -> None:
    tried = {split(w, act_words.WORDS)[0] for w in TRAINED + OTHERS if isinstance(w, str)}
    assert tried == set(act_words.WORDS)


def test_each_layer_has_its_own_bits() -> None:
    kinds = [
        act_words.integers(bits, rectified)
        for bits, rectified in product(range(2, 9), (False, True))
    ]
    widths = [int(kind.act_quant.bit_width()) for kind in kinds]  # pyright: ignore
    assert widths == [b for b in range(2, 9) for _ in range(2)]
