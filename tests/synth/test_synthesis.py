"""Synthesis of a small network by Yosys, and how it fails."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from bitrill import programs
from bitrill.errors import SpecError, ToolError
from bitrill_hw.synth import CellCounts, synthesise, synthesise_verilog, yosys
from bitrill_hw.synth.yosys import YosysRun, run
from synth.small_synthesis import Synthesised

INVERTER = "module top(input a, output y); assign y = ~a; endmodule\n"


def test_every_node_and_every_fifo_is_a_layer(synthesised: Synthesised) -> None:
    nodes = {n.name for n in synthesised.graph.nodes}
    fifos = {f"fifo_{edge}" for edge in synthesised.graph.depths}
    layers = synthesised.report.layers
    assert nodes | fifos <= layers.keys()
    assert all(name in nodes | fifos or name.startswith("frame_") for name in layers)


def test_total_is_the_layers_and_the_difference(synthesised: Synthesised) -> None:
    report = synthesised.report
    layers = sum(report.layers.values(), CellCounts())
    assert layers + report.difference == report.total
    assert report.total.ff == layers.ff  # nothing is shared across layers, nothing is lost


def test_counts_are_those_of_the_netlist_s_text(synthesised: Synthesised) -> None:
    text, total = synthesised.report.netlist.read_text(), synthesised.report.total
    assert len(re.findall(r"^  (?:LUT[1-6]|LUT6_2|INV) ", text, re.MULTILINE)) == total.lut
    assert len(re.findall(r"^  FD[RS]E ", text, re.MULTILINE)) == total.ff
    assert len(re.findall(r"^  CARRY4 ", text, re.MULTILINE)) == total.carry4
    assert (total.lut + 1) // 2 <= total.lcs


def test_memories_are_where_they_were_told_to_be(synthesised: Synthesised) -> None:
    layers = synthesised.report.layers
    assert (layers["fc0"].ramb18, layers["fifo_act0"].ramb18) == (1, 1)
    assert synthesised.report.total.ramb18 == 2
    assert layers["fc1"].ramb18 == layers["fifo_fc0"].ramb18 == 0


def test_no_product_goes_to_a_dsp(synthesised: Synthesised) -> None:
    assert synthesised.report.total.dsp == 0


def test_the_worst_path_begins_and_ends_at_named_places(synthesised: Synthesised) -> None:
    path = synthesised.report.path
    assert path is not None
    assert 0.3 < path.ns < 10
    names = rf"^({'|'.join(synthesised.report.layers)})\.|^[ms]_axis"
    assert re.match(names, path.start)
    assert re.match(names, path.end)
    # a clock that registers are not timed from would leave paths between ports alone
    assert path.cells[0].startswith(("FD", "RAM"))


def test_the_report_is_json_without_paths_of_the_machine(synthesised: Synthesised) -> None:
    value = synthesised.report.to_json()
    assert json.loads(json.dumps(value)) == value
    assert str(synthesised.work) not in json.dumps(value)
    assert list(value["total"]) == ["lut", "lcs", "ff", "carry4", "ramb18", "ramb36", "dsp"]
    assert all(list(layer) == list(value["total"]) for layer in value["layers"].values())
    assert value["utilisation"]["bram36"] == {"used": 1.0, "available": 140, "percent": 0.71}
    assert value["fits"] is True
    synthesised.report.part.require_fit(synthesised.report.total)


def test_the_table_has_a_line_a_layer(synthesised: Synthesised) -> None:
    lines = str(synthesised.report).splitlines()
    names = [line.split()[0] for line in lines]
    assert names[0] == "layer"
    assert names[1:-2] == [*synthesised.report.layers, "difference", "total"]
    assert lines[-2].startswith("xc7z020clg400-1: lcs ")
    assert "cell delay, no routing" in lines[-1]


def test_a_finished_run_is_used_again(
    synthesised: Synthesised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yosys, "_start", lambda job: pytest.fail("Yosys was started again"))
    s = synthesised
    again = synthesise(s.graph, work=s.work, verilog=s.verilog, part="xc7z010")
    assert again.total == s.report.total
    assert again.path == s.report.path
    assert again.part.device == "xc7z010"


def test_a_part_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="part must be a known one"):
        synthesise_verilog(INVERTER, part="xc9", work=tmp_path)
    assert not list(tmp_path.iterdir())


def test_verilog_without_a_top_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"^the Verilog must have a module top, and has none$"):
        synthesise_verilog(INVERTER.replace("top", "bottom"), work=tmp_path)


def test_what_yosys_refuses_is_told_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        synthesise_verilog("module top(); bad b(); endmodule", work=tmp_path)
    assert re.match(r"^Yosys failed: .*bad.* \(log: .*yosys\.log\)$", str(caught.value))
    assert Path(caught.value.details["log"]).is_file()
    assert caught.value.exit_code == 4
    assert not list(tmp_path.glob("*/key"))


def test_a_run_that_leaves_no_result_has_failed(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^Yosys failed: it left no a\.json, b\.json \(log: "):
        run([YosysRun(tmp_path / "j", "log hello\n", {}, ("a.json", "b.json"))])


def test_an_interrupt_ends_the_run_and_leaves_no_result(tmp_path: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    script = "read_verilog -lib +/xilinx/cells_sim.v\n" * 200  # half a minute
    job = YosysRun(tmp_path / "j", script, {}, ())
    with pytest.raises(KeyboardInterrupt):
        run([job], progress=interrupt)
    assert not job.is_done


def test_another_text_or_a_lost_file_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def job(script: str = "log\n", design: str = "x") -> YosysRun:
        return YosysRun(tmp_path, script, {"design.v": design}, ("out.json",))

    (tmp_path / "out.json").write_text("{}")
    assert not job().is_done
    (tmp_path / "key").write_text(job().key)
    assert job().is_done
    assert not job(script="log \n").is_done
    assert not job(design="y").is_done
    with monkeypatch.context() as other:
        other.setattr(yosys, "tool_version", lambda: "0.71")
        assert not job().is_done
    (tmp_path / "out.json").unlink()
    assert not job().is_done


def test_a_missing_or_faulty_yosys_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "version", lambda name: "0.66.0.0.post1100")
    with pytest.raises(ToolError, match=r"Yosys issue 6058.*pip install 'bitrill\[synth\]'") as bad:
        synthesise_verilog(INVERTER, work=tmp_path)
    assert bad.value.exit_code == 3
    assert not list(tmp_path.iterdir())
