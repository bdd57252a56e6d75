"""Reports for the gallery: small networks, compiled when the site is built, and linked to."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from bitrill import flow
from sphinx.application import Sphinx
from sphinx.util import logging

KEPT = "gallery"
"""Folder beside the site's pages that keeps reports; `make docs` makes them once."""

NAMES = ("network", "faster", "difference")


def quantized(folder: Path) -> Path:
    """Write a network of three dense layers, 16-32-16-4, with weights of two bits."""
    from onnx import TensorProto, helper, numpy_helper, save

    random = np.random.default_rng(18)
    floats = {"scale": 0.25, "zero": 0.0, "two": 2.0, "four": 4.0}
    arrays = {name: np.float32(value) for name, value in floats.items()}
    nodes, x = [], "x"
    for k, (rows, cols) in enumerate(((32, 16), (16, 32), (4, 16))):
        name = f"dense{k + 1}"
        arrays[f"{name}.w"] = random.integers(-2, 2, (cols, rows)).astype(np.float32) / 4
        options = {"domain": "qonnx.custom_op.general", "narrow": 0, "rounding_mode": "ROUND"}
        constants = ["scale", "zero"]
        act, weights = f"act{k + 1}", f"{name}.q"
        nodes += [
            helper.make_node("Quant", [x, *constants, "four"], [act], act, signed=1, **options),
            helper.make_node(
                "Quant", [f"{name}.w", *constants, "two"], [weights], weights, signed=1, **options
            ),
            helper.make_node("MatMul", [act, weights], [name], name),
        ]
        x = name
    graph = helper.make_graph(
        nodes,
        "gallery",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("qonnx.custom_op.general", 1)]
    folder.mkdir(parents=True, exist_ok=True)
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "network.onnx")
    return folder / "network.onnx"


def make(folder: Path) -> None:
    """Write the reports into a folder, unless they are there."""
    if all((folder / f"{name}.html").is_file() for name in NAMES):
        return
    logging.getLogger(__name__).info("making the gallery's reports")
    model = quantized(folder)
    flow.compile(model, out=folder / "small")
    flow.compile(model, out=folder / "fast", fps=12_500_000, clock_mhz=100)
    flow.report(folder / "small", out=folder / "network.html")
    flow.report(folder / "fast", out=folder / "faster.html")
    flow.report(folder / "fast", diff=folder / "small", out=folder / "difference.html")


def copy(app: Sphinx, error: Exception | None) -> None:
    """Put the reports beside the pages."""
    if error is None:
        kept = Path(app.outdir).parent / KEPT
        make(kept)
        target = Path(app.outdir) / "_static" / KEPT
        target.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            shutil.copy(kept / f"{name}.html", target)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True}
