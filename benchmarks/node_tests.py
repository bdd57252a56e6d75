"""Puts ONNX's own node tests to the evaluators of the tests and to the importer, and counts.

    python benchmarks/node_tests.py [--op NAME ...]

For each accepted operator: its tests of one node, and how many are equal, cannot be judged, are
refused or wrong (`tests/frontend/node_tests.py`). Exits with 1 if one is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from frontend.attributes.outcomes import rules  # pyright: ignore[reportMissingImports]
from frontend.node_tests import by_exact_evaluator, by_float_evaluator, by_importer, node_tests  # pyright: ignore[reportMissingImports]


def main() -> int:
    parser = argparse.ArgumentParser(description="onnx's node tests, judged")
    parser.add_argument("--op", nargs="*", help="only these operators")
    args = parser.parse_args()
    known = {op for domain, op in rules() if not domain}
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        judges = {
            "float": by_float_evaluator,
            "exact": by_exact_evaluator,
            "importer": lambda test: by_importer(test, Path(folder)),
        }
        for test in node_tests():
            op = test.node.op_type
            if op not in known or (args.op and op not in args.op):
                continue
            count = counts.setdefault(op, Counter())
            count["tests"] += 1
            for name, judge in judges.items():
                outcome = judge(test)
                count[f"{name} {outcome.partition(':')[0]}"] += 1
                if outcome.startswith("wrong"):
                    print(f"{test.name}, {name}: {outcome}", flush=True)
    for op in sorted(counts):
        print(f"{op:24} {dict(counts[op])}")
    every = sum(counts.values(), Counter())
    print(f"{len(counts)} operators: {dict(every)}")
    return any(" wrong" in key for key in every)


if __name__ == "__main__":
    sys.exit(main())
