"""The driver over RTL once more, with a master and a memory that are not ours: cocotbext-axi's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill_boards.describe import describe
from bitrill_boards.simulation.simulated_axi import compiled
from bitrill_sim.cocotb_sim import _environment
from boards.simulation.shells import Case
from support import HANG_SECONDS, ROOT, nightly, shared_data

pytest.importorskip("cocotbext.axi", reason="cocotbext-axi comes with the extra 'dev'")


def mnist(case: Case, n: int, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    from bitrill.train.datasets import load

    monkeypatch.setenv("BITRILL_DATA", str(shared_data()))
    return np.asarray(load("mnist", "test")[0])[:n].reshape(-1, *case.graph.source.shape)


def simulate(
    case: Case,
    images: np.ndarray,
    folder: Path,
    *,
    latency: int = 0,
    pause: float = 0.0,
    fault: str = "",
) -> tuple[np.ndarray, dict[str, Any]]:
    """The driver's results for images, and the bench's observations."""
    import cocotb_tools.config
    from cocotb_tools.check_results import get_results

    libs = cocotb_tools.config.libs_dir
    flags = (f"-Wl,-rpath,{libs}", f"-L{libs}", "-lcocotbvpi_verilator")
    main = Path(cocotb_tools.config.share_dir) / "lib" / "verilator" / "verilator.cpp"
    also = ("verilated_vpi", "verilated_dpi")
    model = compiled(case.text, case.top, case.work)
    program = model.program("shell", main, flags=flags, also=also)
    np.save(folder / "images.npy", images)
    spec = {
        "network": describe(case.graph, case.predicted),
        "images": str(folder / "images.npy"),
        "clock_hz": 100_000_000,
        "latency": latency,
        "pause": pause,
        "fault": fault,
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    results = folder / "results.xml"
    run = (
        "from cocotb_tools.runner import get_runner;"
        "get_runner('verilator').test(test_module='boards.simulation.axi_bench',"
        f" hdl_toplevel='shell', hdl_toplevel_lang='verilog', build_dir={str(program.parent)!r},"
        f" test_dir={str(folder)!r}, results_xml={str(results)!r})"
    )
    environment = _environment() | {
        "SPEC": str(folder / "spec.json"),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, "-c", run],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    assert results.is_file(), done.stdout[-4000:] + done.stderr[-4000:]
    assert get_results(results) == (1, 0), done.stdout[-6000:] + done.stderr[-2000:]
    return np.load(folder / "outputs.npy"), json.loads((folder / "result.json").read_text())


@pytest.mark.parametrize(
    ("n", "pause"),
    [
        pytest.param(n, p, marks=pytest.mark.nightly)
        for n, p in ((50, 0.2), (1000, 0.0), (1000, 0.5))
    ],
)
def test_mnist_images_come_back_bit_for_bit(
    trained: Case, tmp_path: Path, n: int, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = mnist(trained, n, monkeypatch)
    integers, result = simulate(trained, images, tmp_path, pause=pause)
    assert (integers == trained.graph.run(trained.graph.source.quantize(images))).all()
    assert result["report"]["frames"] == n
    assert result["words_read"] == 13 * n
    print(n, pause, result)


@pytest.mark.parametrize("fault", ["read", *nightly("write")])
def test_error_responses_are_told(trained: Case, tmp_path: Path, fault: str) -> None:
    images = trained.images(20)
    integers, result = simulate(trained, images, tmp_path, pause=0.2, fault=fault)
    verb = {"read": "reading", "write": "writing"}[fault]
    assert result["message"].startswith(f"{verb} memory at 0x")
    assert "failed with SLVERR" in result["message"]
    assert (integers == trained.graph.run(images)).all()


@pytest.mark.nightly
def test_the_port_is_the_limit_where_the_network_is_fast(fast: Case, tmp_path: Path) -> None:
    """A hundred cycles of latency, a word a cycle: 97 % of the port's beats."""
    images = fast.images(2600)
    integers, result = simulate(fast, images, tmp_path, latency=100)
    assert (integers == fast.graph.run(images)).all()
    print(result)
    assert result["words_read"] == 2600
    assert result["use"] >= 0.97
