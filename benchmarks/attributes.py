"""Counts nodes as imported against ONNX Runtime: each operator x attribute x opset.

    python benchmarks/attributes.py [--op NAME ...] [--ends] [--every] [--json]

Each combination is equal to the judge wherever it is accepted, or refused with a reason that names
what it has; one that is neither is printed and this exits with 1. The cases are those of
`tests/frontend/attributes`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from frontend.attributes.outcomes import judge, opsets, rules  # pyright: ignore[reportMissingImports]


def main() -> int:
    parser = argparse.ArgumentParser(description="operator x attribute x opset, judged")
    parser.add_argument("--op", nargs="*", help="only these operators")
    parser.add_argument("--ends", action="store_true", help="first and last form of each operator")
    parser.add_argument("--every", action="store_true", help="each case in every network around it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    counts: dict[str, Counter[str]] = {}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for key in sorted(rules()):
            if args.op and key[1] not in args.op:
                continue
            total = counts.setdefault(".".join(filter(None, key)), Counter())
            for opset in opsets(rules()[key], every=not args.ends):
                found, faults = judge(rules()[key], opset, Path(folder), every=args.every)
                total.update(found)
                total["opsets"] += 1
                wrong += faults
            if not args.json:
                print(f"{key[1]:24} {dict(total)}", flush=True)
    every = sum(counts.values(), Counter())
    if args.json:
        print(json.dumps({"operators": counts, "wrong": wrong}, indent=2))
    else:
        print("\n".join(wrong))
        print(
            f"in all {every['equal'] + every['refused'] + len(wrong)} combinations: {dict(every)}"
        )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
