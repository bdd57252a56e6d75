"""Bit widths of QONNX's quantizers: their shapes, and those that must be there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import UnsupportedError
from bitrill.frontend.rules.table import QONNX
from frontend.onnx_models import Net, imported


@pytest.mark.parametrize("bits", [[4, 4], [4, 6], [[4], [6]]])
@pytest.mark.parametrize("data", [False, True])
def test_bit_widths_that_do_not_fit_are_refused(
    bits: list[object], data: bool, tmp_path: Path
) -> None:
    """Also where all are equal: the standard's broadcast of them fails."""
    net = Net(1, 3)
    x = net.quant("x", 0.5)
    rest = [net.const(0.5), net.const(0.0), net.const(np.array(bits, np.float32))]
    flags = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", "domain": QONNX}
    if data:
        y = net.node("Quant", net.dense(x, 3, 3), *rest, **flags)
    else:
        weights = net.node("Quant", net.const(np.ones((3, 5))), *rest, **flags)
        y = net.node("MatMul", x, weights)
    with pytest.raises(UnsupportedError, match="its bit width must fit shape"):
        imported(net.proto(y), tmp_path)


def test_trunc_without_its_first_bit_width_is_refused(tmp_path: Path) -> None:
    net = Net(1, 3)
    x = net.quant("x", 0.5)
    more = [net.const(0.5), net.const(0.0), "", net.const(1.0), net.const(4.0)]
    y = net.node("Trunc", x, *more, domain=QONNX, rounding_mode="FLOOR", signed=1, narrow=0)
    with pytest.raises(UnsupportedError, match="Trunc node"):
        imported(net.proto(y), tmp_path)
