"""Words for weights: values against the papers' formulas, gradients, training, export."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch
from bitrill.compress import measures
from bitrill.compress.quantizers import weight_words
from bitrill.compress.quantizers.insertion import quantized
from bitrill.compress.quantizers.quantizer_table import PatternSettings, QuantizerTable
from bitrill.errors import SpecError
from bitrill.train import grid_weights, qonnx_export
from compress import tiny
from support import nightly
from torch import Tensor, nn

Rule = Callable[[np.ndarray], np.ndarray]


def layer_of(word: str, scale: str = "tensor", conv: bool = True, seed: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Conv2d(5, 4, 3) if conv else nn.Linear(40, 4))
    with torch.no_grad():
        module[0].weight.normal_(std=0.1)
    table = QuantizerTable({"*": PatternSettings(weights=word, scale=scale)})
    return quantized(module, table).get_submodule("0").eval()


def values_of(layer: nn.Module) -> np.ndarray:
    return layer.quant_weight().value.detach().numpy()


def of_rows(rule: Rule) -> Rule:
    """Apply a rule of one tensor to each output."""
    return lambda w: np.array([rule(row) for row in w])


def sign(w: np.ndarray) -> np.ndarray:
    return np.where(w < 0, -1.0, 1.0)


def twn(w: np.ndarray) -> np.ndarray:
    kept = np.abs(w) > 0.7 * np.abs(w).mean()
    return np.sign(w) * kept * np.abs(w[kept]).mean()


def tsq(w: np.ndarray) -> np.ndarray:
    tried = []
    for n in range(1, w.size + 1):
        kept = np.abs(w) >= np.sort(np.abs(w), axis=None)[-n]
        tried.append(np.sign(w) * kept * np.abs(w[kept]).mean())
    return min(tried, key=lambda q: ((q - w) ** 2).sum())


def ttq(w: np.ndarray) -> np.ndarray:
    bound = 0.05 * np.abs(w).max()
    p, n = w[w > bound].mean(), -w[w < -bound].mean()
    unit = max(p, n) / 127
    return np.where(w > bound, round(p / unit), np.where(w < -bound, -round(n / unit), 0)) * unit


def fgq(w: np.ndarray) -> np.ndarray:
    rows = w.reshape(len(w), -1)
    groups = [(r, s, rows[r, s : s + 16]) for r in range(len(w)) for s in range(0, 45, 16)]
    kept = [np.abs(g) > 0.7 * np.abs(g).mean() for _, _, g in groups]
    means = [np.abs(g[k]).mean() for (_, _, g), k in zip(groups, kept, strict=True)]
    unit, out = max(means) / 127, np.zeros_like(rows)
    for (r, s, g), k, mean in zip(groups, kept, means, strict=True):
        out[r, s : s + 16] = np.sign(g) * k * max(round(mean / unit), 1) * unit
    return out.reshape(w.shape)


def syq(w: np.ndarray) -> np.ndarray:
    mean = np.abs(w).mean((0, 1))
    unit = mean.max() / 127
    return sign(w) * np.round(mean / unit) * unit


def dorefa(bits: int) -> Rule:
    def rule(w: np.ndarray) -> np.ndarray:
        q, t = 2**bits - 1, np.tanh(w)
        return 2 * np.round(q * (t / (2 * np.abs(t).max()) + 0.5)) / q - 1

    return rule


def shift(bits: int) -> Rule:
    def rule(w: np.ndarray) -> np.ndarray:
        p = np.round(np.log2(np.abs(w)))
        return np.sign(w) * 2.0 ** np.maximum(p, p.max() - (2 ** (bits - 1) - 2))

    return rule


def inq(bits: int) -> Rule:
    def rule(w: np.ndarray) -> np.ndarray:
        n1 = math.floor(math.log2(4 * np.abs(w).max() / 3))
        n2 = n1 + 1 - 2 ** (bits - 2)
        powers = [0.0, *(2.0**n for n in range(n2, n1 + 1))]
        out = np.zeros_like(w)
        for a, b in pairwise(powers):
            out = np.where((np.abs(w) >= (a + b) / 2) & (np.abs(w) < 3 * b / 2), b, out)
        return np.sign(w) * out

    return rule


def minifloat(exponents: int, mantissa: int, largest: float) -> Rule:
    bias = 2 ** (exponents - 1) - 1
    codes = product(range(2**exponents), range(2**mantissa))
    floats = {
        (m + (2**mantissa if e else 0)) * 2.0 ** (max(e, 1) - bias - mantissa) for e, m in codes
    }
    known = np.array(sorted(f for f in floats if f <= largest))

    def rule(w: np.ndarray) -> np.ndarray:
        unit = np.abs(w).max() / largest
        nearest = np.abs(np.abs(w)[..., None] / unit - known).argmin(-1)
        return np.sign(w) * known[nearest] * unit

    return rule


def lsq(bits: int) -> Rule:
    def rule(w: np.ndarray) -> np.ndarray:
        q = 2 ** (bits - 1) - 1
        s = 2 * np.abs(w).mean() / math.sqrt(q)
        return s * np.round(np.clip(w / s, -q, q))

    return rule


def abc(bases: int) -> Rule:
    def rule(w: np.ndarray) -> np.ndarray:
        us = [-1 + 2 * i / (bases - 1) for i in range(bases)] if bases > 1 else [0]
        b = np.stack([sign(w - w.mean() + u * w.std()).ravel() for u in us], 1)
        a = np.linalg.lstsq(b, w.ravel(), rcond=None)[0]
        unit = np.abs(a).sum() / (127 - bases)
        return (b @ np.round(a / unit) * unit).reshape(w.shape)

    return rule


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("binary", lambda w: sign(w) * np.abs(w).mean()),
        ("xnor", of_rows(lambda w: sign(w) * np.abs(w).mean())),
        ("sign", sign),
        ("binary_stochastic", lambda w: sign(w) * np.abs(w).mean()),
        ("lab", lambda w: sign(w) * np.abs(w).mean()),
        ("syq", syq),
        ("dorefa1", lambda w: sign(w) * np.abs(w).mean()),
        *((f"dorefa{n}", dorefa(n)) for n in (2, 3, 8)),
        ("ternary", twn),
        ("tsq", tsq),
        ("ttq", ttq),
        ("fgq", fgq),
        *((f"shift{n}", shift(n)) for n in (2, 3, 4, 5)),
        *((f"shift_ps{n}", shift(n)) for n in (3, 5)),
        *((f"inq{n}", inq(n)) for n in (3, 4, 5, 6)),
        ("float4", minifloat(2, 1, 6.0)),
        ("float6", minifloat(3, 2, 28.0)),
        ("float8", minifloat(4, 3, 448.0)),
        *((f"lsq{n}", lsq(n)) for n in (2, 4, 8)),
        *(
            (
                f"qil{n}",
                lambda w, q=2 ** (n - 1) - 1: (
                    np.round(w / np.abs(w).max() * q) / q * np.abs(w).max()
                ),
            )
            for n in (2, 4)
        ),
        *((f"abc{n}", abc(n)) for n in (1, 2, 3)),
    ],
)
def test_values_are_the_paper_s(word: str, rule: Rule) -> None:
    layer = layer_of(word)
    w = layer.weight.detach().numpy().astype(np.float64)
    assert np.allclose(values_of(layer), rule(w), rtol=2e-5, atol=0)


@pytest.mark.parametrize(
    ("word", "rule"),
    [("ternary", twn), ("tsq", tsq), ("lsq3", lsq(3)), ("shift3", shift(3)), ("abc2", abc(2))],
)
def test_each_output_may_have_a_scale(word: str, rule: Rule) -> None:
    layer = layer_of(word, "channel", conv=False)
    w = layer.weight.detach().numpy().astype(np.float64)
    assert np.allclose(values_of(layer), of_rows(rule)(w), rtol=2e-5, atol=0)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_levels_of_lq_are_fitted(bits: int) -> None:
    layer = layer_of(f"lq{bits}")
    w, q = layer.weight.detach().numpy(), values_of(layer)
    quantizer = layer.weight_quant.tensor_quant
    v = quantizer.basis.numpy()[0]
    levels = np.array([np.dot(v, e) for e in product((-1, 1), repeat=bits)])
    nearest = levels[np.abs(w[..., None] - levels).argmin(-1)]
    assert len(np.unique(q)) == 2**bits
    assert ((w - q) ** 2).sum() <= 1.02 * ((w - nearest) ** 2).sum(), "k / 127 costs little"
    even = np.abs(w).mean() * 2.0 ** (np.arange(bits) - bits + 1)
    start = np.array([np.dot(even, e) for e in product((-1, 1), repeat=bits)])
    assert ((w - nearest) ** 2).sum() <= ((w[..., None] - start) ** 2).min(-1).sum() + 1e-6


def test_curvature_weighs_the_scale_of_loss_aware_weights() -> None:
    layer = layer_of("lab").train()
    w = layer.weight.detach().clone()
    g = torch.randn(w.shape)
    (layer.quant_weight().value * g).sum().backward()
    d, size = np.abs(g.numpy()), w.abs().numpy()
    layer.eval()
    a = (d * size).sum() / d.sum()
    assert np.allclose(values_of(layer), sign(w.numpy()) * a, rtol=1e-4)


def test_stochastic_signs_have_the_published_chance() -> None:
    layer = layer_of("binary_stochastic").train()
    w = layer.weight.detach().numpy()
    a = np.abs(w).mean()
    share = np.mean([values_of(layer) > 0 for _ in range(800)], axis=0)
    chance = np.clip((w / a + 1) / 2, 0, 1)
    assert np.abs(share - chance).max() < 0.09
    assert (share == 1)[chance == 1].all()
    assert (share == 0)[chance == 0].all()


def gradients(word: str, g: Tensor, conv: bool = True) -> tuple[nn.Module, Tensor]:
    layer = layer_of(word, conv=conv).train()
    layer.quant_weight().value.backward(g)
    return layer, layer.weight.grad


def test_ttq_s_gradients_are_the_published_ones() -> None:
    g = torch.randn(4, 5, 3, 3, generator=torch.Generator().manual_seed(1))
    layer, to_w = gradients("ttq", g)
    w, part = layer.weight.detach(), layer.weight_quant.tensor_quant
    up, down = w > 0.05 * w.abs().max(), w < -0.05 * w.abs().max()
    assert torch.allclose(part.positive.grad, g[up].sum(), rtol=1e-4)
    assert torch.allclose(part.negative.grad, -g[down].sum(), rtol=1e-4)
    factor = torch.where(up, part.positive, torch.where(down, part.negative, 1.0))
    assert torch.allclose(to_w, g * factor, rtol=0.01)


def test_lsq_s_gradients_are_the_published_ones() -> None:
    g = torch.randn(4, 5, 3, 3, generator=torch.Generator().manual_seed(1))
    layer, to_w = gradients("lsq3", g)
    w, s, q = layer.weight.detach(), layer.weight_quant.tensor_quant.stride.detach(), 3
    v = w / s
    inside = v.abs() < q
    of_s = torch.where(inside, v.round() - v, v.sign() * q)
    wanted = (g * of_s).sum() / math.sqrt(w.numel() * q)
    assert torch.allclose(layer.weight_quant.tensor_quant.stride.grad, wanted, rtol=1e-4)
    assert torch.allclose(to_w, g * inside)


def test_gradients_of_signs_places_and_tanh() -> None:
    g = torch.randn(4, 5, 3, 3, generator=torch.Generator().manual_seed(1))
    layer, to_w = gradients("syq", g)
    w, of_places = layer.weight.detach(), layer.weight_quant.tensor_quant.places.grad
    assert torch.equal(to_w, g)
    wanted = (g * torch.where(w < 0, -1.0, 1.0)).sum((0, 1), keepdim=True)
    assert torch.allclose(of_places, wanted, atol=1e-5)
    layer, to_w = gradients("dorefa2", g)
    t = torch.tanh(layer.weight.detach())
    assert torch.allclose(to_w, g * (1 - t**2) / t.abs().max(), rtol=1e-4)
    layer = layer_of("sign").train()
    with torch.no_grad():
        layer.weight.view(-1)[:2] = torch.tensor([1.5, -1.5])
    layer.quant_weight().value.sum().backward()
    assert layer.weight.grad.view(-1)[:3].tolist() == [0, 0, 1]


def test_inq_fixes_the_largest_weights_first() -> None:
    net = tiny.with_quantizers(PatternSettings(weights="inq5", acts=4))
    layer = net.module.get_submodule("1")
    quantizer, start = layer.weight_quant.tensor_quant, layer.weight.detach().clone()
    shares: list[float] = []

    def note(step: int, steps: int) -> None:
        if (step - 1) * 4 % steps == 0:
            shares.append(float(quantizer.fixed.float().mean()))
            if step == 1:
                half = start.abs().median()
                assert bool((quantizer.fixed == (start.abs() > half)).all())
        fixed = quantizer.fixed
        if layer.weight.grad is not None:
            assert not layer.weight.grad[fixed].any()

    net.fit(tiny.training(4), after_step=note)
    assert shares == pytest.approx([0.5, 0.75, 0.875, 1.0], abs=0.01)
    held = quantizer.held * quantizer.unit
    assert torch.equal(layer.quant_weight().value, held)


def test_a_blend_goes_from_floats_to_the_grid() -> None:
    layer = layer_of("blend:int2").train()
    w, quantizer = layer.weight.detach(), layer.weight_quant.tensor_quant
    assert torch.equal(layer.quant_weight().value, w)
    whole = quantizer.quantizer(w)[0]
    grid_weights.advance(layer, 0.5)
    mixed = layer.quant_weight().value
    assert torch.allclose(mixed, w / 8 + whole * 7 / 8)
    mixed.sum().backward()
    assert torch.allclose(layer.weight.grad, torch.full_like(w, 1 / 8))
    assert np.array_equal(values_of(layer.eval()), whole.detach().numpy())


@pytest.mark.parametrize("word", ["shift_ps4", "inq4"])
def test_what_a_quantizer_trained_stays_when_it_is_taken_off(word: str) -> None:
    net = tiny.with_quantizers(PatternSettings(weights=word, acts=4), epochs=1)
    table = QuantizerTable({"*": PatternSettings(weights="float", acts=4)})
    was = net.module.get_submodule("4").quant_weight().value
    after = quantized(net.module, table).get_submodule("4")
    assert type(after) is nn.Linear
    assert torch.equal(after.weight, was)


@pytest.mark.parametrize("word", ["binary", "dorefa3", "lq2", "blend:sign"])
def test_masked_weights_stay_zero(word: str) -> None:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(8, 4))
    with torch.no_grad():
        module[0].weight[:, ::2] = 0
    layer = (
        quantized(module, QuantizerTable({"*": PatternSettings(weights=word)}))
        .get_submodule("0")
        .eval()
    )
    q = layer.quant_weight().value
    assert not q[:, ::2].any()
    assert bool((q[:, 1::2] != 0).all())


@pytest.mark.parametrize(
    ("word", "bits"),
    [
        ("binary", 1),
        ("ternary", 2),
        ("int3", 3),
        ("dorefa4", 4),
        ("shift5", 5),
        ("inq6", 6),
        ("float8", 8),
        ("codebook9", 4),
        ("fgq", 2),
        ("blend:int3", 3),
        ("lq3", 3),
        ("pot2", 5),
    ],
)
def test_stored_bits_are_the_quantizer_s(word: str, bits: int) -> None:
    assert measures.bits_of(layer_of(word)) == bits


TRAINED = ["inq4", "lq2", "float4", "ttq", "shift_ps4"]
OTHERS = [
    "binary",
    "xnor",
    "sign",
    "binary_stochastic",
    "lab",
    "syq",
    "dorefa1",
    "dorefa2",
    "dorefa4",
    "ternary",
    "tsq",
    "fgq",
    "pot1",
    "pot2",
    "pot3",
    "shift2",
    "shift3",
    "shift5",
    "shift_ps3",
    "inq3",
    "inq6",
    "float6",
    "float8",
    "int2",
    "int8",
    "lsq2",
    "lsq8",
    "qil3",
    "codebook4",
    "codebook16",
    "blend:int3",
    "blend:ternary",
    "abc1",
    "abc3",
    "lq4",
]


@pytest.mark.parametrize("scale", ["tensor", *nightly("channel")])
@pytest.mark.parametrize("word", [*TRAINED, *nightly(*OTHERS)])
def test_every_word_trains_and_is_exported_exactly(word: str, scale: str, tmp_path: Path) -> None:
    net = tiny.with_quantizers(PatternSettings(weights=word, acts=4, scale=scale), epochs=3)
    assert net.accuracy() > 0.7
    report = qonnx_export.export(net.module, net.data.x_val[:32], tmp_path / "net.onnx")
    assert report.notes[0].startswith("golden model compared")


def test_every_word_is_tried() -> None:
    tried = {
        weight_words.quantizer_words.split(w, weight_words.WORDS)[0]
        for w in TRAINED + OTHERS
        if ":" not in w
    }
    assert tried == set(weight_words.WORDS)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("inq9", "weights must be inq3 to inq6, not 'inq9'"),
        ("float5", "weights must be one of float4, float6, float8, not 'float5'"),
        ("ternery", "weights must be float or one of .*; did you mean 'ternary'"),
        ("ternary2", "weights must be ternary without a number"),
        ("blend:lq", "weights must be lq1 to lq4, not 'lq'"),
        ("dorefa", "weights must be dorefa1 to dorefa8"),
    ],
)
def test_wrong_words_are_told_in_one_line(word: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        PatternSettings(weights=word)
    assert "\n" not in str(error.value)
