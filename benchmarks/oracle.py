"""The golden model against qonnx, over a whole test set: every decision, and node by node.

    python benchmarks/oracle.py MODEL [--dataset mnist] [--samples N] [--json]

First each side runs alone, qonnx by its own executor, and the decisions are compared. Then qonnx
runs node by node on the golden model's integers; each difference must lie within the float error
bound of a decision boundary, which is proven on exact rationals (`bitrill.train.oracle`), or this
exits with 1. qonnx trusts what it reads: run it on files that you trust.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from bitrill import BitrillError
from bitrill.frontend import load_model
from bitrill.lowering import to_integer
from bitrill.train import datasets, oracle

BATCH = 1000
PROOFS_SHOWN = 20

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def qonnx_outputs(path: Path, x: np.ndarray, batch: int = BATCH) -> np.ndarray:
    """Outputs of qonnx's executor, in batches; one by one where the file reshapes to one."""
    import onnx
    import onnxruntime
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    onnxruntime.set_default_logger_severity(4)
    warnings.simplefilter("ignore")
    parts: list[np.ndarray] = []
    for start in range(0, len(x), batch):
        part = x[start : start + batch]
        if not parts or len(part) != batch:
            proto = onnx.load(path)
            del proto.graph.value_info[:]  # shapes of a batch of one
            proto.graph.output[0].type.tensor_type.shape.dim[0].dim_value = len(part)
            model = ModelWrapper(proto)
            name = next(i.name for i in proto.graph.input if model.get_initializer(i.name) is None)
            model.set_tensor_shape(name, list(part.shape))
            model = model.transform(InferShapes())
        try:
            outputs = execute_onnx(model, {name: part})
        except Exception:
            if len(part) == 1:
                raise
            return qonnx_outputs(path, x, 1)
        parts.append(outputs[model.graph.output[0].name])
    return np.concatenate(parts)


def compare(path: Path, dataset: str, samples: int | None) -> dict[str, object]:
    """Both comparisons; raises `MismatchError` for a difference that is not proven."""
    x, labels = (a[:samples] for a in datasets.load(dataset, "test"))
    network = oracle.QonnxNetwork.load(path)
    graph = to_integer(load_model(path))
    x = x.reshape(-1, *graph.source.shape)
    side = oracle.golden_side(network, graph, x)
    report = oracle.compare(network, x, side)
    golden = side.output.reshape(len(x), -1).argmax(1)
    alone = qonnx_outputs(path, x).reshape(len(x), -1).argmax(1)
    apart = np.flatnonzero(golden != alone)
    return {
        "model": path.name,
        "samples": len(x),
        "accuracy": {
            "golden": float((golden == labels).mean()),
            "qonnx": float((alone == labels).mean()),
        },
        "decisions_that_differ": [int(i) for i in apart],
        "nodes": {
            name: {"values": values, "differences": sum(d.node == name for d in report.differences)}
            for name, values in report.nodes.items()
        },
        "proofs": [str(d) for d in report.differences],
        "proofs_of_decisions": {
            str(i): [str(d) for d in report.differences if d.index[0] == i] for i in apart
        },
    }


def show(report: dict) -> str:
    """The result as text."""
    accuracy = report["accuracy"]
    lines = [
        f"{report['model']}: {report['samples']} images; accuracy"
        f" {100 * accuracy['golden']:.2f} % golden, {100 * accuracy['qonnx']:.2f} % qonnx",
        f"decisions that differ, each side alone: {len(report['decisions_that_differ'])}",
        "node by node, qonnx on the golden model's integers:",
    ]
    width = max(map(len, report["nodes"]))
    for name, counts in report["nodes"].items():
        lines.append(
            f"  {name:<{width}}  {counts['values']:>10,} values, {counts['differences']} differ"
        )
    proofs = report["proofs"]
    lines.append(f"differences: {len(proofs)}, each proven to lie at a decision boundary")
    lines += [f"  {p}" for p in proofs[:PROOFS_SHOWN]]
    if len(proofs) > PROOFS_SHOWN:
        lines.append(f"  and {len(proofs) - PROOFS_SHOWN} more (--json gives all)")
    for sample, reasons in report["proofs_of_decisions"].items():
        lines.append(f"sample {sample} is decided differently, for:")
        lines += [f"  {reason}" for reason in reasons]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--dataset", default="mnist", choices=datasets.DATASETS)
    parser.add_argument("--samples", type=int, metavar="N", help="the first N; all unless given")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if _SHARED.is_dir():
        os.environ.setdefault("BITRILL_DATA", str(_SHARED))
    try:
        report = compare(options.model, options.dataset, options.samples)
    except BitrillError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(report, indent=1) if options.json else show(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
