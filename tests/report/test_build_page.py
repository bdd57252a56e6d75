"""The page of a build: all its parts, any name shown literally, nothing loaded from outside."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import SpecError, StorageError
from bitrill.report.answers import Answers
from bitrill.report.build_page import BoardFigures, BuildPage
from bitrill.timing.frame_times import Wait, frame_times

HOSTILE = "<script>alert('x')</script>\"&{{7*7}}" + "längst" * 40

MOST_BYTES = 1_000_000
"""Size that a page must stay below."""


class Parts(HTMLParser):
    """Counts tags, and notes attributes that load or run something."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: dict[str, int] = {}
        self.loads: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        for name, value in attrs:
            if name.startswith("on") or (name in ("src", "href") and (value or "")[:5] != "data:"):
                self.loads.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile(build: flow.Build) -> flow.Build:
    """A build whose network, last node and output have a hostile name."""
    graph = build.graph
    last = graph.nodes[-1].replace(name=HOSTILE)
    depths = {HOSTILE if e == graph.output else e: d for e, d in graph.depths.items()}
    sink = replace(graph.sink, edge=HOSTILE)
    nodes = (*graph.nodes[:-1], last)
    return replace(build, graph=graph.replace(name=HOSTILE, nodes=nodes, sink=sink, depths=depths))


def page(build: flow.Build, **changes: object) -> BuildPage:
    board = BoardFigures(
        "board", True, "yes (3 %)", 1e6, 1e4, "uart", 100.0, (("core", 1e6), ("uart", 1e4))
    )
    made = BuildPage(build.graph, build.predicted, 100.0, "ab12", "1.0", (board,), None)
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]


def test_a_page_of_a_build(small_compiled: flow.Compiled, tmp_path: Path) -> None:
    build = small_compiled.build
    done = flow.report(build, out=tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert (done.file, done.size) == (tmp_path / "page.html", len(html.encode()))
    assert done.to_json() == {"file": str(done.file), "shows": build.graph.name, "bytes": done.size}
    parts = Parts(html)
    assert done.size < MOST_BYTES
    assert all(load.startswith("a href=#") for load in parts.loads), parts.loads
    assert parts.tags["script"] == 1
    for node in build.graph.nodes:
        assert f'data-node="{node.name}"' in html
    assert f"{build.predicted.latency:,} cycles" in parts.text
    assert f"{build.resources.lcs:,}" in parts.text
    assert all(b.board in parts.text for b in small_compiled.rooflines)


def test_the_same_build_gives_the_same_bytes(small_compiled: flow.Compiled, tmp_path: Path) -> None:
    for name in ("a", "b"):
        flow.report(small_compiled.build, out=tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_hostile_names_are_shown_literally(small_compiled: flow.Compiled) -> None:
    board = BoardFigures(HOSTILE, None, HOSTILE, 1.0, 1.0, HOSTILE, 50.0)
    html = page(hostile(small_compiled.build), boards=(board,), digest=HOSTILE).html()
    parts = Parts(html)
    assert parts.tags["script"] == 1
    assert "<script>alert" not in html
    assert HOSTILE in parts.text
    assert "49" not in re.findall(r"alert\('x'\)</script>\"&(.{2})", parts.text)


def test_too_many_events_have_no_diagram(
    small_compiled: flow.Compiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bitrill.timing.frame_times.DETAILED", 3)
    assert "too many events a frame" in page(small_compiled.build).html()


def test_labelled_frames(small_compiled: flow.Compiled) -> None:
    frames = np.arange(3 * 16).reshape(3, 1, 4, 4)
    answers = Answers("digits", frames, np.array([0, 1, 2]), np.array([0, 2, 2]))
    assert answers.accuracy == pytest.approx(2 / 3)
    assert answers.matrix.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert answers.confused == [(1, 2, 1)]
    html = page(small_compiled.build, answers=answers).html()
    parts = Parts(html)
    assert parts.tags["img"] == 1
    assert "1 → 2" in parts.text
    assert "66.67\u00a0%" in parts.text


def test_times_of_a_frame_end_with_its_latency(small_compiled: flow.Compiled) -> None:
    build = small_compiled.build
    times = frame_times(build.graph)
    assert times is not None
    last = build.graph.producer(build.graph.output).name
    depth = build.graph.depths[build.graph.output]
    assert 0 <= build.predicted.latency - times[last].last <= depth
    for t in times.values():
        waited = sum(t.waited.values())
        assert 0 <= waited <= t.last - t.first
        assert set(np.unique(t.waits)) <= set(Wait)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "random"}, "data must have labels"),
        ({"samples": 3}, "samples must stand beside data"),
        ({"clock_mhz": 0.0}, "the clock must be above 0 MHz, not 0"),
    ],
)
def test_refused(small_compiled: flow.Compiled, options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        flow.report(small_compiled.build, **options)  # pyright: ignore[reportArgumentType]


def test_a_folder_that_is_no_build(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"it has neither graph\.json nor front\.json"):
        flow.report(tmp_path)
