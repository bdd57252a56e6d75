"""Options of a run: every bad one is named, all at once, before anything heavy is imported."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from bitrill.errors import SpecError
from bitrill.train import Options, train
from bitrill.train.recipes import CHANNELS

BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"recipe": "vgg"},
        "recipe must be one of tfc, sfc, lfc, lenet, cnv, resnet8, mobilenet, unet-tiny,"
        " dilated1d, not 'vgg'",
    ),
    ({"recipe": ["cnv"]}, r"recipe must be one of .*, not \['cnv'\]"),
    ({"width": 8}, "width must not be given for tfc, whose layers are of fixed size"),
    ({"recipe": "cnv", "width": 0}, "width must be an integer from 1 to 1024, not 0"),
    ({"recipe": "cnv", "width": 1025}, "width must be an integer from 1 to 1024, not 1025"),
    ({"recipe": "cnv", "width": True}, "width must be an integer from 1 to 1024, not True"),
    (
        {"weights": "int3"},
        "weights must be one of binary, ternary, int4, int8, pot, pot2, pot3, ttq, fgq, adder,"
        " codebook2, .*, codebook16, not 'int3'",
    ),
    ({"weights": "codebook17"}, "weights must be one of .*, not 'codebook17'"),
    ({"weights": ["pot"]}, r"weights must be one of .*, not \['pot'\]"),
    ({"acts": 3}, "acts must be one of 1, 2, 4, 8, log3, not 3"),
    ({"acts": True}, "acts must be one of 1, 2, 4, 8, log3, not True"),
    ({"acts": "log4"}, "acts must be one of 1, 2, 4, 8, log3, not 'log4'"),
    (
        {"recipe": "resnet8", "weights": "adder"},
        "weights must not be adder for resnet8: dense layers, lenet and cnv only",
    ),
    ({"recipe": "lenet", "acts": "log3"}, "acts must not be log3 for lenet: dense layers only"),
    (
        {"weights": "adder", "acts": "log3"},
        "acts must not be log3 with adder, whose weights share a linear scale",
    ),
    ({"prune": 0.96}, "prune must be a number from 0 to 0.95, not 0.96"),
    ({"prune": -0.5}, "prune must be a number from 0 to 0.95, not -0.5"),
    ({"prune": float("nan")}, "prune must be a number from 0 to 0.95, not nan"),
    ({"prune": True}, "prune must be a number from 0 to 0.95, not True"),
    ({"prune": "half"}, "prune must be a number from 0 to 0.95, not 'half'"),
    ({"prune": 0.5, "weights": "adder"}, "prune must not be given with adder: zeros save nothing"),
    (
        {"prune": 0.5, "weights": "codebook16"},
        "prune must not be given with codebook16: zero would be one value more",
    ),
    ({"dataset": "cifar"}, "dataset must be one of digits, mnist, fashion, cifar10, not 'cifar'"),
    (
        {"recipe": "unet-tiny", "dataset": "cifar10"},
        "dataset must be one of grey images for unet-tiny, not cifar10",
    ),
    ({"epochs": 0}, "epochs must be an integer of 1 or more, not 0"),
    ({"epochs": 1.5}, "epochs must be an integer of 1 or more, not 1.5"),
    ({"seed": -1}, r"seed must be an integer from 0 to 2\*\*63 - 1, not -1"),
    ({"mean": float("nan")}, "mean must be a finite number, not nan"),
    ({"std": 0.0}, "std must be a finite number of 1e-6 or more, not 0.0"),
    ({"std": float("inf")}, "std must be a finite number of 1e-6 or more, not inf"),
]


@pytest.mark.parametrize(("given", "want"), BAD, ids=lambda v: str(v)[:30])
def test_bad_options_are_refused(given: dict[str, Any], want: str):
    with pytest.raises(SpecError, match=f"^{want}$"):
        train(**({"recipe": "tfc"} | given))


def test_all_reasons_come_at_once():
    with pytest.raises(SpecError, match=r"recipe must .*; weights must .*; acts must ") as caught:
        train("x", weights="y", acts=0)
    assert len(caught.value.details["faults"]) == 3
    want = "weights must not be .*; acts must not be .*; acts must not be .*; prune must be "
    with pytest.raises(SpecError, match=want) as caught:
        train("resnet8", weights="adder", acts="log3", prune=2)
    assert len(caught.value.details["faults"]) == 4


def test_defaults_follow_the_data_set():
    assert Options(recipe="tfc").to_json() == {
        "recipe": "tfc",
        "weights": "binary",
        "acts": 1,
        "dataset": "digits",
        "epochs": 40,
        "seed": 0,
        "mean": 0.5,
        "std": 0.5,
        "width": None,
        "prune": None,
    }
    assert Options(recipe="lfc", dataset="mnist").n_epochs <= 15
    assert Options(recipe="sfc", weights="int4", acts=4).name == "sfc_w4a4_digits"
    named = {"weights": "pot2", "acts": "log3", "prune": 0.5}
    assert Options(recipe="tfc", **named).name == "tfc_pot2_log3_p50_digits"
    assert Options(recipe="tfc", weights="int4", acts="log3").name == "tfc_int4_log3_digits"
    assert Options(recipe="tfc", weights="codebook4", acts=8).name == "tfc_codebook4_a8_digits"
    assert Options(recipe="tfc", weights="int8", prune=0.0).name == "tfc_w8a1_digits"
    assert [Options(recipe=r).hidden for r in ("tfc", "sfc", "lfc")] == [64, 256, 1024]


def test_defaults_follow_the_recipe():
    cnv = Options(recipe="cnv")
    assert (cnv.name, cnv.width, cnv.n_epochs) == ("cnv_w1a1_digits", 16, 10)
    widths = {r: Options(recipe=r, dataset="mnist").width for r in CHANNELS}
    assert widths == CHANNELS
    assert widths["cnv"] == 64
    others = [r for r in CHANNELS if r != "cnv"]
    assert [Options(recipe=r).name for r in others] == [f"{r}_w4a4_digits" for r in others]
    assert Options(recipe="resnet8", weights="ternary", acts=2).name == "resnet8_w2a2_digits"
    assert Options(recipe="resnet8", width=5).channels == 5


def test_importing_the_package_is_cheap():
    code = (
        "import sys, bitrill.train, bitrill.train.datasets;"
        "print(sorted({'torch', 'brevitas', 'onnx', 'qonnx', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_package_is_named():
    code = (
        "import sys; sys.modules['brevitas'] = None\n"
        "from bitrill.train import train\n"
        "try: train('tfc')\n"
        "except Exception as e: print(type(e).__name__, e.exit_code, e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ToolError 3 training needs brevitas" in done.stdout
    assert "pip install 'bitrill[train]'" in done.stdout
