"""Branches that meet and part are imported with their meaning, with different scales, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.ir.activation import Activation
from bitrill.ops import Add, Concat, Crop, MatVec, Split, Threshold
from frontend.onnx_models import Net, imported
from frontend.rules.test_convs import check, kinds


def branches(net: Net, *scales: float, bits: float = 4.0) -> list[str]:
    """Quantized results of convolutions over one input."""
    x = net.quant("x", 0.37)
    return [net.quant(net.conv(x, 3, 2, 1, 1, seed=k), s, bits=bits) for k, s in enumerate(scales)]


@pytest.mark.parametrize(
    ("scales", "gains"), [((0.7, 0.7), (1, 1)), ((0.75, 0.5), (3, 2)), ((0.5, -0.25), (-2, 1))]
)
@pytest.mark.parametrize("op", ["Add", "Sub"])
def test_sums_of_scales_in_a_small_ratio(
    tmp_path: Path, scales: tuple[float, float], gains: tuple[int, int], op: str
) -> None:
    net = Net(1, 2, 3, 3)
    x = net.node(op, *branches(net, *scales))
    graph = check(net, net.conv(x, 2, 3, 2, 2), tmp_path)
    (node,) = [n for n in graph if isinstance(n, Add)]
    turn = -1 if op == "Sub" else 1
    assert node.gains in {(gains[0], turn * gains[1]), (turn * gains[0], gains[1])}


@pytest.mark.parametrize("scales", [(0.713, 0.402), (0.05, 0.91), (0.713, -0.402)])
def test_sums_of_any_scales_before_a_quantizer(tmp_path: Path, scales: tuple[float, float]) -> None:
    net = Net(1, 2, 3, 3)
    x = net.norm(net.node("Add", *branches(net, *scales)), 3)
    x = net.quant(net.node("Relu", x), 0.3, bits=3.0, signed=0)
    graph = check(net, net.conv(x, 2, 3, 2, 2), tmp_path)
    assert Threshold in kinds(graph)


def test_a_sum_that_no_multipliers_decide_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bitrill.frontend.symbolic.gains.LARGEST", 1)
    net = Net(1, 2, 3, 3)
    x = net.quant(net.node("Add", *branches(net, 0.713, 0.402)), 0.3, bits=3.0)
    with pytest.raises(UnsupportedError, match=r"no multipliers of at most 15 bits decide every"):
        imported(net.proto(net.conv(x, 2, 3, 2, 2)), tmp_path)


def test_a_sum_decides_every_pair_as_the_reals_do(tmp_path: Path) -> None:
    from fractions import Fraction

    from bitrill.frontend.symbolic.gains import thresholds_of_sum
    from bitrill.ir import IntType
    from bitrill.ir.activation import Function, Quantizer
    from bitrill.real import Affine, Clip

    rng = np.random.default_rng(0)
    for _ in range(20):
        sa, sb = (Fraction(float(v)) for v in rng.normal(0, 1, 2).astype(np.float32))
        slopes = tuple(Fraction(float(v)) for v in rng.normal(0, 1, 3).astype(np.float32))
        offsets = tuple(Fraction(float(v)) for v in rng.normal(0, 1, 3).astype(np.float32))
        steps = (Affine(slopes, offsets), Clip(Fraction(-1), None))
        f = Function(steps, Quantizer(IntType(-4, 3), (Fraction(1, 3),)))
        types = IntType(-4, 3), IntType(0, 7)
        found = thresholds_of_sum(f, (sa, sb), types)
        assert found is not None
        (p, q), table, inverted = found
        for c in range(3):
            for a in types[0].values():
                for b in types[1].values():
                    n = int((p * a + q * b >= table[c]).sum())
                    want = f(sa * int(a) + sb * int(b), c)
                    assert -4 + (7 - n if inverted[c] else n) == want


def test_a_residual_of_the_input_itself(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 4)
    x = net.quant("x", 0.37)
    y = net.quant(net.conv(x, 3, 3, 3, 3, pads=[1] * 4), 0.37)
    y = net.quant(net.node("Add", x, y), 0.61)
    check(net, net.conv(net.node("Add", y, y), 2, 3, 1, 1), tmp_path)


@pytest.mark.parametrize("scales", [(0.7, 0.7), (0.75, 0.5)])
def test_concat_before_a_convolution(tmp_path: Path, scales: tuple[float, float]) -> None:
    net = Net(1, 2, 3, 3)
    x = net.node("Concat", *branches(net, *scales), axis=1)
    graph = check(net, net.conv(x, 2, 6, 2, 2, pads=[1] * 4), tmp_path)
    (node,) = [n for n in graph if isinstance(n, Concat)]
    assert node.gains == ((1, 1) if scales[0] == scales[1] else (3, 2))


def test_concat_before_a_quantizer_and_a_pool(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.node("Concat", *branches(net, 0.713, -0.402, 0.31), axis=1)
    x = net.node("MaxPool", net.norm(x, 9), kernel_shape=[2, 2])
    x = net.quant(x, 0.3, bits=3.0)
    graph = check(net, net.conv(x, 2, 9, 2, 2), tmp_path)
    (node,) = [n for n in graph if isinstance(n, Concat)]
    assert node.gains == (1, 1, 1)


def test_concat_of_vectors_and_bits(tmp_path: Path) -> None:
    net = Net(1, 6)
    x = net.bipolar("x")
    y = net.bipolar(net.norm(net.dense(x, 6, 4), 4))
    check(net, net.dense(net.node("Concat", x, y, axis=-1), 10, 3), tmp_path)


@pytest.mark.parametrize("form", ["attribute", "input", "equal"])
def test_split(tmp_path: Path, form: str) -> None:
    net = Net(1, 4, 3, 3, opset=11 if form == "attribute" else 13)
    scale = np.array([0.3, 0.4, 0.5, 0.6]).reshape(4, 1, 1)
    sizes = [2, 2] if form == "equal" else [1, 3]
    operands = [net.quant("x", scale)] + ([net.shape_const(*sizes)] if form == "input" else [])
    given = {"split": sizes} if form == "attribute" else {}
    first = net.node("Split", *operands, axis=1, **given)
    net.nodes[-1].output.append("second")
    a = net.quant(first, 0.7)
    b = net.quant("second", 0.7)
    x = net.node("Add", net.conv(a, 2, sizes[0], 1, 1), net.conv(b, 2, sizes[1], 1, 1))
    graph = check(net, x, tmp_path)
    assert kinds(graph) == [Split, Activation, Activation, MatVec, MatVec, Add]


def test_slices_that_fit_together_are_one_split(tmp_path: Path) -> None:
    net = Net(1, 4, 3, 3)
    x = net.conv(net.quant("x", 0.37), 6, 4, 1, 1)
    x = net.quant(x, 0.7)
    parts = [
        net.node("Slice", x, *map(net.shape_const, (start, end, 1, 1)))
        for start, end in ((0, 3), (3, 1 << 60))
    ]
    x = net.node("Add", net.conv(parts[1], 2, 3, 1, 1), net.conv(parts[0], 2, 3, 1, 1))
    assert kinds(check(net, x, tmp_path)).count(Split) == 1


@pytest.mark.parametrize("ranges", [((0, 2), (1, 4)), ((0, 2), (0, 2)), ((1, 3), (1, 2))])
def test_slices_that_overlap_or_leave_channels_unread(
    tmp_path: Path, ranges: tuple[tuple[int, int], ...]
) -> None:
    net = Net(1, 4, 3, 3)
    x = net.quant(net.conv(net.quant("x", 0.37), 4, 4, 1, 1), 0.7)
    parts = [net.node("Slice", x, *map(net.shape_const, (*r, 1, 1))) for r in ranges]
    layers = [net.conv(p, 2, r[1] - r[0], 1, 1) for p, r in zip(parts, ranges, strict=True)]
    assert Crop in kinds(check(net, net.node("Add", *layers), tmp_path))


def test_a_split_of_which_a_part_is_unread(tmp_path: Path) -> None:
    net = Net(1, 6, 3, 3, opset=13)
    x = net.quant(net.conv(net.quant("x", 0.37), 6, 6, 1, 1), 0.7)
    x = net.node("Split", x, net.shape_const(2, 1, 3), axis=1)
    net.nodes[-1].output.extend(["second", "third"])
    x = net.node("Concat", net.conv("third", 2, 3, 1, 1), net.conv(x, 2, 2, 1, 1), axis=1)
    graph = check(net, x, tmp_path)
    assert kinds(graph).count(Crop) == 2
    assert Split not in kinds(graph)


@pytest.mark.parametrize("form", ["left", "right", "sum", "minus"])
def test_three_branches_of_unlike_scales(tmp_path: Path, form: str) -> None:
    net = Net(1, 2, 3, 3)
    a, b, c = branches(net, 0.267, 0.345, 0.291, bits=3.0)
    if form == "left":
        x = net.node("Add", net.node("Add", a, b), c)
    elif form == "right":
        x = net.node("Add", a, net.node("Mul", net.node("Add", b, c), net.const(0.7)))
    elif form == "minus":
        x = net.node("Sub", c, net.node("Add", net.node("Add", a, b), net.const(0.3)))
    else:
        x = net.node("Sum", a, net.const(0.2), b, c)
    graph = check(net, net.conv(net.quant(x, 0.5, bits=3.0), 2, 3, 1, 1), tmp_path)
    (node,) = [n for n in graph if isinstance(n, Add)]
    assert len(node.gains) == 3


def test_too_many_combinations_are_refused(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    a, b, c = branches(net, 0.267, 0.345, 0.291, bits=8.0)
    x = net.quant(net.node("Sum", a, b, c), 0.5)
    with pytest.raises(UnsupportedError, match="over the 16777216 combinations of their values"):
        imported(net.proto(net.conv(x, 2, 3, 2, 2)), tmp_path)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("map", "vector"),
        ("vector", "map"),
        ("map", "column"),
        ("column", "map"),
        ("vector", "column"),
        ("map", "one"),
    ],
)
def test_sums_that_repeat_an_operand(tmp_path: Path, first: str, second: str) -> None:
    net = Net(1, 2, 4, 3)
    x = net.quant("x", 0.37)
    made = {
        "map": net.conv(x, 3, 2, 1, 1),
        "vector": net.node("GlobalMaxPool", net.conv(x, 3, 2, 1, 1, seed=1)),
        "column": net.conv(x, 1, 2, 1, 3, seed=2, pads=[0, 0, 0, 0]),
        "one": net.node("GlobalMaxPool", net.conv(x, 1, 2, 1, 1, seed=3)),
    }
    a, b = (net.quant(made[k], s) for k, s in ((first, 0.5), (second, 0.25)))
    check(net, net.conv(net.node("Add", a, b), 2, 3, 2, 1), tmp_path)


@pytest.mark.parametrize("quantized", [True, False])
def test_flattened_branches_side_by_side(tmp_path: Path, quantized: bool) -> None:
    net = Net(1, 2, 4, 3)
    x = net.quant("x", 0.37)
    parts = [net.quant(net.conv(x, 3, 2, k, k, seed=k), 0.25 * k) for k in (1, 2)]
    flat = [net.node("Flatten", p) for p in parts]
    flat.append(net.quant(net.dense(flat[1], 18, 4, seed=3), 0.5))
    x = net.node("Concat", *flat, axis=1)
    x = net.quant(x, 0.53) if quantized else x
    check(net, net.dense(x, 36 + 18 + 4, 3), tmp_path)


def test_branches_of_one_shape_from_maps_and_vectors(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 0.37)
    a = net.quant(net.node("GlobalMaxPool", net.conv(x, 4, 2, 1, 1)), 0.5)
    b = net.quant(net.dense(net.node("Flatten", x), 18, 4), 0.5)
    b = net.node("Reshape", b, net.shape_const(1, 4, 1, 1))
    joined = net.node("Concat", a, b, axis=1)
    x = net.node("Add", net.conv(joined, 4, 8, 1, 1), net.node("Add", a, b))
    check(net, net.quant(x, 0.53), tmp_path)


def test_maps_reshaped_to_rows_side_by_side(tmp_path: Path) -> None:
    net = Net(1, 2, 3, 4)
    x = net.conv(net.quant("x", 0.5), 3, 2, 2, 2)
    x = net.node("Reshape", x, net.shape_const(0, 3, -1))
    first, second = net.quant(x, 0.5, bits=3.0), net.bipolar(x, 2.0)
    check(net, net.node("Concat", first, second, axis=1), tmp_path)
