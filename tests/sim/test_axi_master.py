"""The registers under cocotbext-axi's master, on Verilator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bitrill.storage import write_text
from bitrill_hw.design.verilog import verilog
from bitrill_sim import Dut, verilator
from bitrill_sim.cocotb_sim import _environment
from bitrill_sim.ports import edges
from sim.test_runtime import accesses, network, retrained
from support import HANG_SECONDS, ROOT

pytest.importorskip("cocotbext.axi", reason="cocotbext-axi comes with the extra 'dev'")


@pytest.mark.nightly
def test_another_master_agrees(work: Path, tmp_path: Path) -> None:
    import cocotb_tools.config
    from cocotb_tools.check_results import get_results

    graph = network("runtime")
    source = work / "runtime.v"
    write_text(source, verilog(graph))
    model = verilator.model(Dut(sources=(source,), ports=edges(graph)), work)
    libs = cocotb_tools.config.libs_dir
    flags = (f"-Wl,-rpath,{libs}", f"-L{libs}", "-lcocotbvpi_verilator")
    main = Path(cocotb_tools.config.share_dir) / "lib" / "verilator" / "verilator.cpp"
    program = model.program("top", main, flags=flags, also=("verilated_vpi", "verilated_dpi"))
    contents = {
        "old": accesses(graph).tolist(),
        "new": accesses(retrained(graph, "runtime")).tolist(),
    }
    (tmp_path / "contents.json").write_text(json.dumps(contents))
    run = (
        "from cocotb_tools.runner import get_runner;"
        "get_runner('verilator').test(test_module='sim.axi_master_bench', hdl_toplevel='top',"
        f" hdl_toplevel_lang='verilog', build_dir={str(program.parent)!r},"
        f" test_dir={str(tmp_path)!r}, results_xml={str(tmp_path / 'results.xml')!r})"
    )
    paths = [str(ROOT / "tests"), *sys.path]
    environment = _environment() | {
        "CONTENTS": str(tmp_path / "contents.json"),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    done = subprocess.run(
        [sys.executable, "-c", run],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    results = tmp_path / "results.xml"
    assert results.is_file(), done.stdout[-4000:] + done.stderr[-4000:]
    assert get_results(results) == (3, 0), done.stdout[-6000:]
