"""The documentation site: it builds without a warning, and its pages say what programs do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from bitrill import UnsupportedError, flow
from onnx import TensorProto, helper, numpy_helper
from sessions import run, session, shows
from support import HANG_SECONDS, ROOT

DOCS = ROOT / "docs"


@pytest.mark.nightly
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", tmp_path / "trees"]
    done = subprocess.run(
        [*command, DOCS, tmp_path / "html"],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "html" / "tutorial" / "index.html").is_file()


def test_every_page_is_in_the_navigation() -> None:
    """A page that no table of contents lists would be a warning; the site's test is nightly."""
    pages = {p for p in DOCS.rglob("*.md") if "_ext" not in p.parts}
    listed = {DOCS / "index.md"}
    for page in pages:
        for block in page.read_text().split("```{toctree}")[1:]:
            names = [n for n in block.partition("```")[0].split() if not n.startswith(":")]
            listed |= {p.resolve() for n in names for p in page.parent.glob(f"{n}.md")}
    assert pages - listed == set()


PAGES = (
    "tutorial/index",
    "explanation/folding",
    "explanation/time",
    "explanation/exactness",
    "howto/timing",
    "howto/own_board",
    "howto/own_model",
    "howto/own_operator",
    "howto/own_system",
)
"""Pages whose blocks run, in this order and in one folder."""

QUICK = {"--epochs 10": "--epochs 3", "--samples 100": "--samples 20"}
"""Settings that change figures alone."""


@pytest.mark.nightly
def test_every_block_of_tutorial_and_how_to_runs_as_shown(tmp_path: Path) -> None:
    for name in PAGES:
        text = (DOCS / f"{name}.md").read_text()
        for command, expected in session(text):
            real = command
            for slow, quick in QUICK.items():
                real = real.replace(slow, quick)
            done = run(real, tmp_path)
            assert done.returncode == 0, f"{name}: {command}: {done.stderr}"
            missing = shows(done.stdout, expected)
            assert missing is None, f"{name}: {command} does not print {missing!r}: {done.stdout}"
        script = "".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
        (tmp_path / "page.py").write_text(script)
        done = run("python page.py", tmp_path)
        assert done.returncode == 0, f"{name}: {done.stderr}"


def test_pages_that_run_are_all_that_have_blocks_to_run() -> None:
    ran = {DOCS / f"{name}.md" for name in PAGES}
    rest = [p for f in ("tutorial", "howto", "explanation") for p in (DOCS / f).rglob("*.md")]
    assert len(rest) >= len(ran)
    fence = re.compile(r"^ *```(console|python|sh)$", re.MULTILINE)
    assert [p for p in rest if p not in ran and fence.search(p.read_text())] == []
    # a block of `sh` would run nowhere
    assert [p for p in ran if re.search(r"^ *```sh$", p.read_text(), re.MULTILINE)] == []


SCALES = {"s": 0.125, "z": 0.0, "four": 4.0, "wide": 24.0}


def refused(nodes: list, weights: dict, shapes: dict[str, list[int]], folder: Path) -> str:
    """Return what `inspect` says of a model with these nodes; inputs by shape, the output is y."""
    arrays = {n: np.asarray(v, np.float32) for n, v in (SCALES | weights).items()}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, n) for n, a in arrays.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("qonnx.custom_op.general", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "net.onnx")
    with pytest.raises(UnsupportedError) as caught:
        flow.inspect(folder / "net.onnx")
    return str(caught.value)


def quant(x: str, y: str, bits: str = "four"):
    options = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
    inputs = [x, "s", "z", bits]
    return helper.make_node("Quant", inputs, [y], domain="qonnx.custom_op.general", **options)


def node(kind: str, *inputs: str, to: str = "y", **attributes: object):
    return helper.make_node(kind, inputs, [to], **attributes)


EYE = np.eye(4)
FRAME = {"x": [1, 4]}
A = quant("x", "a")
REFUSED = {
    "LSTM": (
        [A, node("LSTM", "a", "w", "r", hidden_size=4)],
        {"w": np.zeros((1, 16, 4)), "r": np.zeros((1, 16, 4))},
        {"x": [3, 1, 4]},
        "this operator is not supported",
    ),
    "two inputs": (
        [A, quant("v", "b"), node("Add", "a", "b")],
        {},
        {"x": [1, 4], "v": [1, 4]},
        "the model must have one input besides initializers",
    ),
    "no quantizer": ([node("MatMul", "x", "w")], {"w": EYE}, FRAME, "a network must be quantized"),
    "floats between": (
        [A, node("MatMul", "a", "w", to="m"), node("MatMul", "m", "w")],
        {"w": EYE},
        FRAME,
        "its data are not quantized",
    ),
    "float weights": (
        [A, node("MatMul", "a", "w")],
        {"w": np.random.default_rng(0).normal(size=(4, 4))},
        FRAME,
        "its weights are not quantized",
    ),
    "softmax inside": (
        [A, node("Softmax", "a", to="m"), quant("m", "b"), node("MatMul", "b", "w")],
        {"w": EYE},
        FRAME,
        "the host computes the result of Softmax",
    ),
    "layer norm": (
        [A, node("LayerNormalization", "a", "w", to="m"), quant("m", "y")],
        {"w": np.ones(4)},
        FRAME,
        "this operator is not supported",
    ),
    "division by data": (
        [A, quant("x", "b"), node("Div", "a", "b", to="m"), quant("m", "y")],
        {},
        FRAME,
        "its divisor must be a constant",
    ),
    "24 bits": (
        [quant("x", "a", "wide"), node("MatMul", "a", "w")],
        {"w": EYE},
        FRAME,
        "activations must have at most 16 bits",
    ),
    "three axes": (
        [A, node("Conv", "a", "w")],
        {"w": np.ones((1, 1, 2, 2, 2))},
        {"x": [1, 1, 4, 4, 4]},
        "its data must be [batch, channels, rows, columns] or [batch, channels, length]",
    ),
    "shapes that depend on data": (
        [A, node("NonZero", "a")],
        {},
        FRAME,
        "this operator is not supported",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_page_says_is_not_supported_is_refused_so(case: str, tmp_path: Path) -> None:
    nodes, weights, shapes, message = REFUSED[case]
    page = (DOCS / "reference" / "not_supported.md").read_text().replace("\\", "")
    assert f"| {message} |" in page
    assert message in refused(nodes, weights, shapes, tmp_path)
