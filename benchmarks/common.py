"""Common parts of the benchmarks: a model to measure, arguments, a table."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
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


def boards_measured(
    doc: str | None,
    names: Sequence[str],
    columns: Sequence[str],
    measure: Callable[[str, int], Mapping[str, Any]],
    *,
    default: Sequence[str] | None = None,
) -> None:
    """The program of a benchmark of boards: ``[BOARD ..] [--seed N] [--json FILE]``.

    ``measure(board, seed)`` gives a row; ``default``: boards where none is named, all if None.
    """
    parser = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    parser.add_argument("boards", nargs="*", metavar="BOARD", help=f"of {', '.join(names)}")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of placement; 1 if not given"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    unknown = sorted(set(options.boards) - set(names))
    if unknown:
        parser.error(f"BOARD must be one of {', '.join(names)}, not {', '.join(unknown)}")
    rows = []
    for board in options.boards or default or names:
        print(f"{board}:", flush=True)
        rows.append(measure(board, options.seed))
    print(table(columns, rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
