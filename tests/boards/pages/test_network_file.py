"""docs/format.md against `describe`: every key that a network.json has, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from bitrill import flow
from bitrill.exact import rational
from bitrill.ir import HostFunction, Output, Segment
from bitrill_boards.describe import FORMAT, describe
from bitrill_boards.driver import DriverError, Network
from bitrill_boards.driver.layout import known
from support import ROOT

PAGE = (ROOT / "docs" / "format.md").read_text().partition("## `network.json`")[2]


def keys_of_the_page() -> set[str]:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE, re.MULTILINE)
    inside = re.findall(
        r"(?:objects?|object with|and) (?:with )?`(\w+)`|, `(\w+)`|`(\w+)` \(", PAGE
    )
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    return {*named, *(a or b or c for a, b, c in inside)} - {"first", "last", "integer", "bipolar"}


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner) if key != "attributes" else ()
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


def widest(build: flow.Build) -> dict[str, Any]:
    """A file with every optional key."""
    graph, one = build.graph, (rational("1"),)
    source, sink = graph.source, graph.sink
    parts = tuple(
        Segment(shape=(n,), frame=(n,), scale=one, offset=(rational("0"),)) for n in (1, 2)
    )
    table = HostFunction("Softmax", (0,), {"axis": -1, "k": np.zeros(2)})
    outputs = (Output("y", (1,), "float32", 2),)
    raw = source.__class__(
        **{k: getattr(source, k) for k in ("shape", "tensor", "channel_last")},
        raw_scale="1/255",
        raw_offset="-1/2",
    )
    kept = {k: getattr(sink, k) for k in ("shape", "edge", "tensor", "scale", "offset")}
    full = sink.__class__(**kept, segments=parts, functions=(table,), outputs=outputs)
    return describe(graph.replace(source=raw, sink=full), build.predicted)


def test_the_page_has_every_key(small_compiled: flow.Compiled) -> None:
    build = small_compiled.build
    plain = describe(build.graph, build.predicted)
    written = {*keys(plain), *keys(widest(build))}
    assert written - keys_of_the_page() == set()
    tables = {
        n for row in re.findall(r"^\| (`.*?) \|", PAGE, re.M) for n in re.findall(r"`(\w+)`", row)
    }
    assert tables - written == set()
    assert f"format {FORMAT}" in (ROOT / "docs" / "format.md").read_text()


def test_where_channels_are_agrees_with_the_stream(small_compiled: flow.Compiled) -> None:
    build = small_compiled.build
    for edge in (describe(build.graph, build.predicted)[k] for k in ("input", "output")):
        assert (edge["channels"] == "flat") == (len(edge["edge"]) == 1)
        assert np.prod(edge["shape"]) == np.prod(edge["edge"])


def test_old_and_odd_files_are_refused(small_compiled: flow.Compiled) -> None:
    build = small_compiled.build
    spec = describe(build.graph, build.predicted)
    with pytest.raises(DriverError, match="must have format 2, not 1: build again"):
        Network(spec | {"format": 1})
    with pytest.raises(DriverError, match="channels must be first, last or flat, not 'middle'"):
        known("middle")
