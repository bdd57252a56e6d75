"""Results of verbs: short in a prompt, escaped in a notebook, JSON for scripts."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.flow.builds import load_build
from bitrill.flow.result import Table, exact_number


@pytest.fixture
def results(model: Path, whole: flow.Compiled) -> list[flow.Result]:
    return [
        whole,
        flow.inspect(model),
        flow.run(whole.build, np.zeros((3, 1, 2, 3))),
        flow.boards(),
        flow.boards(whole.build),
        flow.doctor(),
        flow.Trained("tfc", Path("m"), 0.5, 360, 9, {"accuracy": 0.5}),
    ]


def test_a_rate_is_exact_until_it_is_printed() -> None:
    assert exact_number(Fraction(64)) == 64
    assert exact_number(Fraction(129, 2)) == "129/2"


def test_results_are_short_in_a_prompt(results: list[flow.Result], whole: flow.Compiled) -> None:
    graph = whole.build.graph
    for value in (*results, whole.build, graph, *graph.nodes):
        assert len(repr(value)) <= 240, value
        assert "\n" not in repr(value)
    assert repr(graph) == "<Graph net (folded): 3 nodes, 6 int4[-8..7] to 3 int7[-36..15]>"
    assert (
        repr(graph.nodes[0]) == f"<MatVec {graph.nodes[0].name}: reads input, PE 1, SIMD 1, sparse>"
    )
    outputs = flow.Outputs(np.zeros((2, 3)), {"y": np.zeros((2, 3))})
    assert repr(outputs) == "<Outputs samples: 2, shape: [3]>"


def test_results_are_tables_in_a_notebook(results: list[flow.Result]) -> None:
    for result in results:
        html = result._repr_html_()
        assert html.startswith(f"<table><thead><tr><th>{type(result).__name__}</th>")
        assert html.count("<table>") == 1 + len(result.tables())


def test_what_a_model_file_says_is_escaped_in_a_notebook() -> None:
    done = flow.Trained("<script>", Path("&"), 0.5, 360, 9, {})
    assert "<script>" not in done._repr_html_()
    assert "&lt;script&gt;" in done._repr_html_()
    assert Table.of(("<a>",), [("<b>",)]).to_html() == (
        "<table><thead><tr><th>&lt;a&gt;</th></tr></thead>"
        "<tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>"
    )


def test_results_are_json(results: list[flow.Result]) -> None:
    for result in results:
        assert json.loads(json.dumps(result.to_json())) == result.to_json()


def test_results_cannot_be_changed(results: list[flow.Result], whole: flow.Compiled) -> None:
    for value in (*results, load_build(whole.build.folder), flow.CompileOptions()):
        with pytest.raises(AttributeError):
            value.ok = False  # pyright: ignore
