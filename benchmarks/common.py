"""What the benchmarks share: a model to measure."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def default_model(name: str) -> Path:
    """``name`` in ``$BITRILL_MODELS`` or beside the repository; else a network trained here."""
    folder = Path(os.environ.get("BITRILL_MODELS") or ROOT.parent / "shared" / "models")
    if (folder / name).is_file():
        return folder / name
    from bitrill import flow

    out = ROOT / "build" / "bench"
    flow.train("tfc", out=out, resume=True)
    return out / "model.onnx"
