"""Makes entries of the zoo anew from their recipes, and prints what has changed.

    python scripts/make_zoo.py [NAME ...] [--work DIR] [--keep-models] [--table]

Without a NAME all entries are made, one after the other. Training and builds lie in ``--work``;
the model and its figures replace those in ``sw/bitrill/zoo``. ``--keep-models``: train nothing,
measure the models that are there. ``--table``: make nothing, print docs/zoo.md's tables.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bitrill import flow, zoo
from bitrill.flow.result import TextTable
from bitrill.flow.zoo import measured
from bitrill.storage import json_bytes, read_bytes, write_bytes, write_json


def trained(entry: zoo.Entry, out: Path) -> tuple[Path, int]:
    """Make a model as its entry says; return its file and its number of parameters."""
    verb, options = entry.made_by
    given: dict[str, Any] = dict(options)
    if verb == "train":
        done = flow.train(out=out, resume=True, **given)
        return done.model, done.parameters
    steps = flow.compress(entry.folder / zoo.RECIPE, out=out, redo=True)
    if steps.model is None:
        raise SystemExit(f"{entry.name}: {zoo.RECIPE} must quantize every layer")
    return steps.model, steps.rows[-1].parameters


def changes(before: object, after: object, name: str = "") -> list[str]:
    """Return a line for each figure that differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = dict.fromkeys((*before, *after))
        lines = [changes(before.get(k), after.get(k), f"{name} {k}".strip()) for k in keys]
        return [line for each in lines for line in each]
    return [] if before == after else [f"{name}: {before} -> {after}"]


def make(name: str, work: Path, keep: bool) -> None:
    """Make one entry, and print what has changed."""
    entry = zoo.read(name, zoo.planned())
    file = entry.folder / zoo.FIGURES
    before = json.loads(read_bytes(file)) if file.is_file() else {}
    if keep:
        model, parameters = entry.model, before["parameters"]
    else:
        print(f"{name}: {entry.recipe_command}", flush=True)
        model, parameters = trained(entry, work / name / "model")
    print(f"{name}: {entry.compile_command}", flush=True)
    after = json.loads(json_bytes(measured(entry, model, parameters, work / name / "build")))
    lines = changes(before, after)
    data = read_bytes(model)
    if not entry.model.is_file() or read_bytes(entry.model) != data:
        lines.insert(0, f"{zoo.MODEL}: other bytes, {len(data):,}")
        write_bytes(entry.model, data)
    write_json(file, after)
    print("\n".join(f"  {line}" for line in lines or ["nothing has changed"]), flush=True)


def markdown(table: TextTable) -> str:
    """Return a table in Markdown, its figures to the right."""
    rule = ["---" if k < table.texts else "---:" for k in range(len(table.head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (table.head, rule, *table.rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(zoo.planned()))
    parser.add_argument("--work", default="build/zoo", type=Path, metavar="DIR")
    parser.add_argument("--keep-models", action="store_true", help="train nothing")
    parser.add_argument("--table", action="store_true", help="print the tables alone")
    options = parser.parse_args()
    if options.table:
        print("\n\n".join(map(markdown, flow.zoo().tables())))
        return
    for name in options.names or zoo.planned():
        make(name, options.work, options.keep_models)


if __name__ == "__main__":
    main()
