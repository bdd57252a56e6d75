"""Quantization after training: ranges, rounding and biases against their rules; export; RTL."""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bitrill import flow
from bitrill.compress import module_training
from bitrill.compress import recipe as recipes
from bitrill.compress.module_training import Training
from bitrill.compress.quantizers.insertion import quantized
from bitrill.compress.quantizers.integers import KlThreshold
from bitrill.compress.quantizers.quantized_layers import quantizing_layers
from bitrill.compress.quantizers.quantizer_table import PatternSettings, QuantizerTable
from bitrill.compress.state import State
from bitrill.compress.steps.calibration import equalized
from bitrill.compress.steps.learned_rounding import rounded
from bitrill.compress.steps.quantize import Quantize
from bitrill.errors import SpecError
from bitrill.train import qonnx_export
from compress import tiny
from support import nightly
from torch import Tensor, nn


@lru_cache
def float_network() -> nn.Module:
    """Return a trained network of 99 %; the 3 bits of a worse one vary with the processor."""
    torch.manual_seed(3)
    net = tiny.state(
        nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 24, 3, padding=1),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.AvgPool2d(4),
            nn.Flatten(),
            nn.Linear(24, 10),
        )
    )
    net.fit(Training(epochs=6, learning_rate=0.01, batch=50))
    return net.module


def step(weights: str = "int3", scale: str = "channel", **keys: Any) -> Quantize:
    layers = {"*": PatternSettings(weights=weights, acts=4, scale=scale)}
    return Quantize(training=Training(), how="ptq", layers=layers, samples=200, **keys)


def applied(each: Quantize) -> State:
    """Return a float network after a step."""
    assert not each.faults()
    torch.manual_seed(3)
    net = tiny.state(copy.deepcopy(float_network()))
    net.module = each.reshape(net.module, {}, net.example)
    each.tune(net, {})
    net.module.eval()
    return net


def weights_of(net: State) -> list[tuple[Any, Any]]:
    return [(layer, layer.quant_weight()) for _, layer in quantizing_layers(net.module)]


PLAIN = 0.6


@pytest.mark.parametrize(
    ("keys", "least"),
    [
        ({"gptq": True, "zero_points": True}, 0.8),
        ({"rounding": "learned", "power_of_two": True}, 0.6),
        ({"equalize": True, "bias_correction": True, "calibration": "mse"}, 0.8),
        *nightly(
            ({}, PLAIN),
            ({"calibration": "minmax"}, PLAIN),
            ({"calibration": "percentile"}, PLAIN),
            ({"calibration": "mse"}, 0.75),
            ({"calibration": "kl"}, 0.4),
            ({"calibration": "hqo"}, PLAIN),
            ({"zero_points": True, "calibration": "mse"}, PLAIN),
            ({"zero_points": True, "calibration": "minmax"}, PLAIN),
            ({"power_of_two": True}, 0.5),
            ({"power_of_two": True, "calibration": "mse"}, 0.5),
            ({"power_of_two": True, "zero_points": True}, 0.5),
            ({"equalize": True}, PLAIN),
            ({"bias_correction": True}, 0.75),
            ({"gptq": True}, 0.8),
            ({"gpfq": True}, 0.8),
            ({"rounding": "learned"}, PLAIN),
            ({"gpfq": True, "zero_points": True}, 0.8),
            ({"rounding": "learned", "zero_points": True, "calibration": "mse"}, PLAIN),
            ({"gptq": True, "equalize": True, "bias_correction": True}, 0.8),
        ),
    ],
)
@pytest.mark.parametrize("scale", ["channel", *nightly("tensor")])
def test_each_way_is_exact_and_can_be_resumed(
    keys: dict[str, Any], least: float, scale: str, tmp_path: Path
) -> None:
    each = step(scale=scale, **keys)
    net = applied(each)
    assert net.accuracy() > (least if scale == "channel" else 0.2)
    report = qonnx_export.export(net.module, net.data.x_val[:32], tmp_path / "net.onnx")
    assert report.notes[0].startswith("golden model compared")
    again = each.reshape(copy.deepcopy(float_network()), {}, net.example)
    module_training.load_state(again, net.module.state_dict())
    assert torch.equal(again.eval()(net.data.x_val[:8]), net.module(net.data.x_val[:8]))


def test_learned_rounding_goes_up_or_down_and_lessens_the_error_of_outputs() -> None:
    torch.manual_seed(1)
    x = torch.randn(300, 40).relu() @ (torch.randn(40, 40) + torch.eye(40))
    layer = _quantized_linear(40, 6)
    w = layer.weight.detach()
    near, learned = layer.quant_weight(), rounded(layer, x)
    errors = [float((x @ (q - w).T).square().mean()) for q in (near.value.detach(), learned)]
    assert errors[1] < 0.7 * errors[0]
    whole, place = learned / near.scale, w / near.scale
    assert torch.allclose(whole, whole.round(), atol=1e-4)
    assert float((whole - place).abs().max()) < 1.0001
    assert float(whole.abs().max()) <= 3


def _quantized_linear(n_in: int, n_out: int) -> Any:
    ranges = step("int3", "tensor", rounding="learned").ranges
    table = QuantizerTable({"*": PatternSettings(weights="int3", scale="tensor")})
    return quantized(nn.Sequential(nn.Linear(n_in, n_out)), table, ranges).get_submodule("0").eval()


def test_greedy_rounding_and_bias_correction_lessen_the_error_of_outputs() -> None:
    exact = float_network()(tiny.digits().x_train[:200]).detach()

    def error(**keys: Any) -> float:
        net = applied(step(**keys))
        return float((net.module(net.data.x_train[:200]).detach() - exact).square().mean())

    plain = error()
    assert error(gptq=True) < 0.7 * plain
    assert error(gpfq=True) < 0.8 * plain
    assert error(bias_correction=True) < plain


def test_equalisation_keeps_the_function_and_gives_like_ranges() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 8))
    with torch.no_grad():
        net[0].weight *= torch.logspace(-2, 2, 12)[:, None]
    x = torch.randn(20, 64)
    before = net(x)
    graph = equalized(copy.deepcopy(net))
    assert torch.allclose(graph(x), before, rtol=1e-4, atol=1e-3)
    sizes = [n.get_submodule("0").weight.detach().abs().amax(1) for n in (net, graph)]
    spread = [float(size.max() / size.min()) for size in sizes]
    assert spread[1] < spread[0] / 10
    moved = graph.get_submodule("2").weight.detach() / net[2].weight.detach()
    factor = sizes[0] / sizes[1]
    assert torch.allclose(moved, factor.expand_as(moved), rtol=1e-3)


def scales_of(net: State) -> tuple[float, float]:
    """Return the scale of the first rectifier's quantizer, and of the second layer's weights."""
    act = next(
        m
        for n, m in net.module.named_modules()
        if n.endswith("quant") and "relu" in type(m).__name__.lower()
    )
    return float(act.act_quant.scale()), float(weights_of(net)[1][1].scale)


def seen() -> Tensor:
    with torch.no_grad():
        return float_network()[:3](tiny.digits().x_train[:200])


def test_scales_are_what_their_rules_say() -> None:
    w = float_network()[3].weight.detach()
    act, weight = scales_of(applied(step("int4", "tensor", calibration="minmax")))
    assert weight == pytest.approx(float(w.abs().max()) / 7)
    assert act == pytest.approx(float(seen().max()) / 15, rel=0.2)
    act, weight = scales_of(applied(step("int4", "tensor", power_of_two=True)))
    assert np.log2([act, weight]).tolist() == np.log2([act, weight]).round().tolist()
    assert weight / 2 < float(w.abs().max()) / 7 <= weight

    def error(s: float) -> float:
        return float(((w / s).round().clamp(-7, 7) * s - w).square().sum())

    _, weight = scales_of(applied(step("int4", "tensor", calibration="mse")))
    best = min(error(float(w.abs().max()) / 7 * k / 100) for k in range(20, 101))
    assert error(weight) <= 1.05 * best


def test_zero_points_hold_the_whole_range() -> None:
    net = applied(step("int4", "channel", zero_points=True))
    for layer, q in weights_of(net):
        assert not q.signed
        whole = q.value / q.scale + q.zero_point
        assert torch.allclose(whole, whole.round(), atol=1e-4)
        assert (float(whole.round().min()), float(whole.round().max())) == (0, 15)
        assert float((q.value - layer.weight).abs().max()) <= 1.001 * float(q.scale.max())


def test_the_divergence_is_least() -> None:
    torch.manual_seed(1)
    x = torch.randn(4000).abs()
    x[:4] = 40.0
    threshold = float(KlThreshold(False, 4)(x))
    assert 2 < threshold < 8, "four outliers of 4000 are clipped"
    even = torch.rand(4000)
    assert float(KlThreshold(False, 4)(even)) > 0.9


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_zeros_do_not_move_the_threshold(bits: int) -> None:
    """Zeros lie on every grid; as the largest bin they made KL clip at 3 % of the range."""
    x = torch.randn(5000, generator=torch.Generator().manual_seed(0)).abs()
    kl = KlThreshold(False, bits)
    assert kl(torch.cat([x, torch.zeros(20000)])) == kl(x)
    assert 0 < kl(torch.zeros(5)) < 1e-30


HARDWARE = """
[data]
name = "digits"
[model]
recipe = "mlp"
width = 12
[hardware]
fps = 200000
[[step]]
kind = "train"
epochs = 5
batch = 50
learning_rate = 0.01
[[step]]
kind = "quantize"
how = "ptq"
{keys}
[step.layers]
"*" = {{ weights = "int4", acts = 4, scale = "channel" }}
"4" = {{ weights = "{word}" }}
"""


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ("zero_points = true", "float4"),
        ("power_of_two = true", "int3"),
        ("", "float6"),
        ("", "float8"),
        ("", "inq5"),
        ("", "lq4"),
        ("", "shift5"),
        ("", "syq"),
        ("", "ttq"),
        ("", "fgq"),
        ("", "abc3"),
    ],
)
def test_hardware_computes_the_same(keys: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(HARDWARE.format(keys=keys, word=word))
    done = flow.compress(tmp_path / "r.toml", out=tmp_path / "out")
    train, quantize = done.rows
    assert quantize.accuracy > train.accuracy - 0.3
    assert quantize.lcs
    built = flow.compile(done.model, out=tmp_path / "b", part="xc7z020clg400-1", fps=200000)
    assert flow.verify(built.build.folder, data="digits", samples=3).mismatches == 0


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"percentile": 99.0}, "percentile needs calibration = 'percentile'"),
        ({"zero_points": True, "calibration": "kl"}, "zero_points: calibration must not be 'kl'"),
        ({"gptq": True, "gpfq": True}, "gptq and gpfq do not go together"),
        ({"how": "qat", "gptq": True}, "gptq: how must be 'ptq'"),
        ({"how": "qat", "bias_correction": True}, "bias_correction: how must be 'ptq'"),
        (
            {"gptq": True, "layers": {"a*": {"weights": "ternary"}}},
            r"gptq: weights of 'a\*' must be int2 to int8, not 'ternary'",
        ),
        ({"calibration": "maximum"}, "calibration must be one of minmax, percentile, mse, kl, hqo"),
        ({"layers": {"*": {"acts": "pact9"}}}, "acts must be pact1 to pact8, not 'pact9'"),
        ({"layers": {"*": {"acts": "pakt4"}}}, "acts must be 1 to 8, or one of .*'pact1'"),
    ],
)
def test_what_does_not_go_together_is_told(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        recipes.make_step({"kind": "quantize", "how": "ptq", **keys}, Training(), "step 2")
    assert "\n" not in str(error.value)
