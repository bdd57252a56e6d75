"""The example and the benchmark run, as their first lines say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from support import HANG_SECONDS, ROOT, shared_data, shared_model


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def test_the_oracle_finds_no_difference_on_a_model_made_elsewhere():
    shared_data()
    script = ROOT / "benchmarks" / "oracle.py"
    done = run(script, shared_model("TFC_1W1A.onnx"), "--samples", "1000", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["samples"] == 1000
    assert found["accuracy"]["golden"] == found["accuracy"]["qonnx"] > 0.9
    assert (found["decisions_that_differ"], found["proofs"]) == ([], [])
    assert [n["values"] for n in found["nodes"].values()] == [
        784_000,
        64_000,
        64_000,
        64_000,
        10_000,
    ]


def test_the_oracle_says_what_is_wrong(tmp_path: Path):
    done = run(ROOT / "benchmarks" / "oracle.py", tmp_path / "none.onnx", "--dataset", "digits")
    assert done.returncode == 4
    assert done.stderr.startswith("error: cannot read ")
    assert "Traceback" not in done.stderr


def test_a_module_of_ones_own_reaches_verilog(tmp_path: Path):
    done = run(ROOT / "examples" / "own_model.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "export: 32 images compared, 0 differences" in done.stdout
    assert "decisions that differ: 0 of 360" in done.stdout
    assert "cycles an image: 64" in done.stdout
    assert float(done.stdout.split("golden model ")[1].split()[0]) > 0.9
    assert (tmp_path / "build" / "top.v").is_file()
