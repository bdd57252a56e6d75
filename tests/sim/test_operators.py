"""Each operator alone under cocotb, with stalls; and planted faults in one."""

from __future__ import annotations

from pathlib import Path

import bitrill_hw.design.build
import numpy as np
import pytest
from bitrill.errors import MismatchError, SpecError
from bitrill.ir import BIPOLAR, Impl, IntType, Operator, Tensor
from bitrill.ops import ArgMax, Convert, Depthwise, MatVec, Threshold
from bitrill_sim import verify_operator
from bitrill_sim.operators import alone
from sim.data import frames
from support import nightly, optional_tool

RNG = np.random.default_rng(3)
INT4 = IntType(-8, 7)

MATVEC = MatVec(
    name="matvec",
    inputs=("x",),
    operands=(Tensor((12,), BIPOLAR),),
    weight_type=BIPOLAR,
    weights=RNG.choice([-1, 1], (6, 12)),
    impl=Impl(pe=2, simd=4),
)
THRESHOLD = Threshold(
    name="threshold",
    inputs=("x",),
    operands=(Tensor((6,), INT4),),
    out=IntType(0, 3),
    thresholds=np.sort(RNG.integers(-8, 9, (6, 3)), axis=1),
    inverted=np.arange(6) % 2 == 0,
    impl=Impl(pe=3, simd=3, style="search"),
)
CONVERT = Convert(
    name="convert", inputs=("x",), operands=(Tensor((12,), INT4),), impl=Impl(simd=3, pe=4)
)
ARGMAX = ArgMax(
    name="argmax",
    inputs=("x",),
    operands=(Tensor((5,), INT4),),
    k=2,
    gain=np.array([1, 2, -1, 3, 1]),
    offset=np.array([0, -3, 2, 1, 0]),
    impl=Impl(),
)
DEPTHWISE = Depthwise(
    name="depthwise",
    inputs=("x",),
    operands=(Tensor((2, 3, 24), INT4),),
    weight_type=INT4,
    weights=RNG.integers(-8, 8, (6, 4)),
    impl=Impl(pe=3, simd=3),
)
OPERATORS: tuple[Operator, ...] = (MATVEC, THRESHOLD, CONVERT, ARGMAX, DEPTHWISE)


@pytest.mark.parametrize(
    "op", [MATVEC, DEPTHWISE, *nightly(THRESHOLD, CONVERT, ARGMAX)], ids=lambda op: op.kind
)
def test_operator_under_cocotb_with_stalls(op: Operator, work: Path) -> None:
    x = frames(alone(op), 40)
    report = verify_operator(op, x, stall=0.5, seed=1, work=work)
    report.check()
    assert report.samples == 40
    assert report.measured is None


@pytest.mark.parametrize(
    ("op", "engine"),
    [
        *((op, "amaranth") for op in OPERATORS),
        (MATVEC, "icarus"),
        *nightly(*((op, "icarus") for op in OPERATORS[1:])),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_operator_in_other_engines(op: Operator, engine: str, work: Path) -> None:
    if engine == "icarus":
        optional_tool("iverilog")
    verify_operator(op, frames(alone(op), 40), engine=engine, stall=0.3, work=work).check()  # pyright: ignore


def test_frames_are_the_edges_own() -> None:
    x = frames(alone(DEPTHWISE), 3)
    assert (alone(DEPTHWISE).source.flatten(x) == x).all()


def test_wrong_threshold_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thresholds = np.array(THRESHOLD.thresholds)
    thresholds[4] = -8
    bad, component = THRESHOLD.replace(thresholds=thresholds), bitrill_hw.design.build.component
    monkeypatch.setattr(bitrill_hw.design.build, "component", lambda op: component(bad))
    report = verify_operator(
        THRESHOLD, frames(alone(THRESHOLD), 9), engine="amaranth", work=tmp_path
    )
    with pytest.raises(
        MismatchError, match="first: sample 0, layer threshold, channel 4: expected"
    ):
        report.check()
    assert report.first is not None
    assert not report.first.located


def test_unknown_engine(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"engine must be one of .*, not 'spice'"):
        verify_operator(CONVERT, frames(alone(CONVERT), 1), engine="spice", work=tmp_path)  # pyright: ignore
