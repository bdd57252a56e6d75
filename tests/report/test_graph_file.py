"""The drawing of a graph as a file: well-formed, complete, names literal."""

from __future__ import annotations

import re
import stat
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.errors import SpecError, ToolError
from bitrill.ir import INPUT
from bitrill.report.graph_drawing import draw
from bitrill.report.graph_file import mermaid, svg
from branching import collected

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'a"]; click n0 "x" <script>#é'


def test_boxes_and_edges(small_compiled: flow.Compiled) -> None:
    graph = small_compiled.build.graph
    drawing = draw(graph)
    assert [b.name for b in drawing.boxes] == [INPUT, *(n.name for n in graph.nodes), "output"]
    assert [w.name for w in drawing.wires] == [
        *(e for n in graph.nodes for e in n.inputs),
        graph.output,
    ]
    slowest = max(n.interval for n in graph.nodes)
    assert {b.name for b in drawing.boxes if b.slowest} == {
        n.name for n in graph.nodes if n.interval == slowest
    }


def test_edges_that_skip_boxes_run_apart() -> None:
    graph = collected()
    lines = [w.points for w in draw(graph).wires if w.x < 0]
    assert lines
    spans = [[*map(int, re.findall(r"\d+", points))] for points in lines]  # right, y, x, y, right
    for k, (_, low, x, high, _) in enumerate(spans):
        for _, below, other, above, _ in spans[:k]:
            assert x != other or high <= below or above <= low


def test_svg_is_xml_with_every_name(small_compiled: flow.Compiled) -> None:
    graph = small_compiled.build.graph
    root = ElementTree.fromstring(svg(graph.replace(name=HOSTILE)))
    assert root.tag == f"{SVG}svg"
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == HOSTILE
    drawn = {g.get("data-node") for g in root.iter(f"{SVG}g")}
    assert drawn == {INPUT, "output", *(n.name for n in graph.nodes)}


def test_mermaid_has_a_line_for_each_node_and_edge(small_compiled: flow.Compiled) -> None:
    graph = small_compiled.build.graph
    lines = mermaid(graph).splitlines()
    assert lines[0] == "flowchart TD"
    assert sum("-->" in line for line in lines) == sum(len(n.inputs) for n in graph.nodes) + 1
    assert sum(line.startswith("  n") and "[" in line for line in lines) == len(graph.nodes) + 2


def test_mermaid_escapes_names(small_compiled: flow.Compiled) -> None:
    graph = small_compiled.build.graph
    node = graph.nodes[-1].replace(name=HOSTILE)
    sink = replace(graph.sink, edge=HOSTILE)
    text = mermaid(graph.replace(nodes=(*graph.nodes[:-1], node), sink=sink, depths={}))
    assert "script>" not in text
    assert '"]; click' not in text
    (label,) = re.findall(r'\["(a#34;.*?)<br>', text)
    shown = re.sub(r"#(\d+);", lambda m: chr(int(m[1])), label)
    assert shown == HOSTILE


def test_inspect_writes_a_drawing(small_model: Path, tmp_path: Path) -> None:
    for name in ("net.svg", "net.mmd"):
        found = flow.inspect(small_model, graph=tmp_path / name)
        assert found.graph == tmp_path / name
        assert (tmp_path / name).stat().st_size > 300


def test_another_ending_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"must end in \.svg or \.mmd, not 'net\.png'"):
        flow.inspect(tmp_path / "no model", graph=tmp_path / "net.png")


def test_netron_shows_the_model(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, called = tmp_path / "netron", tmp_path / "called"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(called)!r}, 'w').write(sys.argv[-1])\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (flow.inspect(small_model, netron=True).netron or 0) > 0
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr("sys.executable", str(tmp_path / "nothing" / "python"))
    with pytest.raises(
        ToolError, match="netron, which is not installed: pip install netron"
    ) as error:
        flow.inspect(small_model, netron=True)
    assert error.value.exit_code == 3
