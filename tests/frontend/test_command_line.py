"""Models that cannot be joined or do not agree: the user sees one line, and exit code 1."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bitrill import cli
from frontend.onnx_models import Net, save
from frontend.refused import Build
from frontend.test_place_refusals import SHAPE, conv, lengths, two


def dense_and_image(n: Net) -> str:
    x = n.quant(n.conv(n.quant("x", 0.5), 3, 4, 1, 1), 0.5)
    return n.dense(n.node("Flatten", x), 91, 5)


def by_channel(n: Net) -> str:
    x = n.quant("x", 0.5)
    scale = np.array([0.5, 0.25, 0.713]).reshape(3, 1, 1)
    parts = [n.quant(n.conv(x, 3, 4, 1, 1, seed=k), s) for k, s in enumerate((0.5, scale))]
    return n.quant(n.node("Add", *parts), 0.4)


CASES: dict[str, tuple[Build, str]] = {
    "channels that do not agree": (
        conv(3, 5, 2, 2),
        "bitrill: error: Conv node 'conv2': its weights must have 4 channels a group, not 5",
    ),
    "features that do not agree": (
        dense_and_image,
        "bitrill: error: MatMul node 'matmul7': its weights must take 90 features, not 91",
    ),
    "a kernel larger than the input": (
        conv(3, 4, 6, 2),
        "bitrill: error: Conv node 'conv2': its kernel must span at most its padded input, [5, 6],"
        " not [6, 2]",
    ),
    "branches that cannot be added": (
        lengths("Add"),
        "bitrill: error: Add node 'add5': its branches must have the same shape, except for axes of"
        " size 1, not ['batch', 3, 5, 6] and ['batch', 3, 4, 5]",
    ),
    "branches that cannot be put side by side": (
        lengths("Concat", axis=1),
        "bitrill: error: Concat node 'concat5': its branches must have the same shape except for"
        " their channels, not ['batch', 3, 5, 6] and ['batch', 3, 4, 5]",
    ),
    "scales of a sum": (
        two("Add", 0.713, 0.402),
        "bitrill: error: the output 't7': the branches of Add node 'add7' must come to one grid,"
        " but the ratio of their scales 0.713 and 0.402 has more than 8 bits; no quantizer follows"
        " that allows smaller multipliers; give all branches one quantizer, or scales whose ratios"
        " are small fractions",
    ),
    "scales of a sum by channel": (
        by_channel,
        "bitrill: error: Quant node 'quant8': the branches of Add node 'add7' must come to one"
        " grid, but the ratio of their scales 0.5 and 0.713 of channel 2 has more than 8 bits; its"
        " operands have a scale for each channel; give all branches one quantizer, or scales whose"
        " ratios are small fractions",
    ),
    "scales side by side": (
        lambda n: n.conv(two("Concat", 0.713, 0.402, axis=1)(n), 2, 6, 1, 1),
        "bitrill: error: Conv node 'conv9': the scales of the branches of Concat node 'concat7',"
        " whose channels this node adds up, lie on one grid only with weights of 25 bits, and at"
        " most 16 are accepted; put one Conv after each branch, with its part of the weights, and"
        " add their results before a quantizer, which is the same function; or give the branches"
        " one quantizer or scales that differ by powers of two",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_line_and_exit_code_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], case: str
) -> None:
    build, message = CASES[case]
    net = Net(*SHAPE)
    path, out = str(save(net.proto(build(net)), tmp_path)), tmp_path / "b"
    assert cli.main(["compile", path, "--out", str(out)]) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == message
    assert not (out / "graph.json").exists()
    assert cli.main(["compile", path, "--out", str(out), "--json"]) == 1
    told = json.loads(capfd.readouterr().out)
    assert f"bitrill: error: {told['error']}" == message
    assert cli.main(["inspect", path]) == 1
    assert message.removeprefix("bitrill: error: ") in capfd.readouterr().out
