"""What the benchmarks share: a model to measure, a table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under their names, columns aligned."""
    cells = [columns, *([str(row[c]) for c in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    )
