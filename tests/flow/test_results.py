"""Results of verbs: short in a prompt, escaped in a notebook, JSON for scripts."""

from __future__ import annotations

import json
from fractions import Fraction
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow, requirements
from bitrill.errors import ToolError
from bitrill.flow.builds import load_build
from bitrill.flow.result import TextTable, exact_number
from bitrill.report.images import Images

LEFT = 'style="text-align:left"'


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
        assert html.startswith(f"<table><thead><tr><th {LEFT}>{type(result).__name__}</th>")
        assert html.count("<table>") == 1 + len(result.tables())


def test_what_a_model_file_says_is_escaped_in_a_notebook() -> None:
    done = flow.Trained("<script>", Path("&"), 0.5, 360, 9, {})
    assert "<script>" not in done._repr_html_()
    assert "&lt;script&gt;" in done._repr_html_()
    assert TextTable.of(("<a>",), [("<b>",)]).to_html() == (
        '<table><thead><tr><th style="text-align:left">&lt;a&gt;</th></tr></thead>'
        '<tbody><tr><td style="text-align:left">&lt;b&gt;</td></tr></tbody></table>'
    )


def test_figures_stand_on_the_right_in_a_notebook() -> None:
    html = TextTable.of(("layer", "LUTs"), [("a", 3)]).to_html()
    assert '<td style="text-align:left">a</td><td style="text-align:right">3</td>' in html
    assert '<th style="text-align:right">LUTs</th>' in html


def test_a_drawing_is_shown_with_the_layers(model: Path, tmp_path: Path) -> None:
    drawn = flow.inspect(model, graph=tmp_path / "g.svg")
    image = '<img alt="the folded graph" src="data:image/svg+xml;base64,'
    assert image in drawn._repr_html_()
    (tmp_path / "g.svg").unlink()
    assert image not in drawn._repr_html_()
    assert image not in flow.inspect(model, graph=tmp_path / "g.mmd")._repr_html_()


def test_outputs_show_their_first_frames() -> None:
    few = flow.Outputs(np.arange(24).reshape(12, 2), {"y": np.zeros((12, 2))})
    (table,) = few.tables()
    assert table.head == ("integers of frame", "0", "1")
    assert table.rows[0] == ("0", "0", "1")
    assert len(table.rows) == 10
    wide = flow.Outputs(np.zeros((1, 3, 7)), {"y": np.zeros((1, 3, 7))})
    assert wide.tables() == ()
    assert flow.Outputs(np.zeros((0, 2)), {"y": np.zeros((0, 2))}).tables() == ()


def test_a_training_shows_its_front() -> None:
    point = {"luts": 1200, "held": 0.9, "accuracy": 0.875, "epoch": 3}
    done = flow.Trained("precision", Path("m"), 0.875, 360, 9, {"front": [point]})
    (table,) = done.tables()
    assert table.rows == (("front/model_1200.onnx", "1,200", "90.00 %", "87.50 %"),)


def test_rates_that_were_measured_are_shown() -> None:
    outputs = flow.Outputs(np.zeros((2, 3)), {"y": np.zeros((2, 3))})
    wrong = np.zeros(0, np.int64)
    rates = flow.Rates(fps_hardware=1234.4, limit="uart", in_stalled=0.25)
    (table,) = flow.Driven("b", "uart", outputs, wrong, rates).tables()
    assert table.rows == (
        ("frames/s of the hardware", "1,234"),
        ("limited by", "uart"),
        ("memory waited for the network", "25.0%"),
    )
    assert flow.Driven("b", "uart", outputs, wrong, flow.Rates()).tables() == ()


def test_frames_are_images_in_a_notebook() -> None:
    html = Images(np.zeros((2, 1, 4, 4)), ["<7>", 3])._repr_html_()
    assert html.count('src="data:image/png;base64,') == 2
    assert "<br>&lt;7&gt;</div>" in html
    assert "<br>3</div>" in html
    assert Images(np.zeros((2, 7)), [1, 2])._repr_html_() == ""


def test_an_error_is_one_line_in_a_notebook() -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        InteractiveShell.instance().run_cell(
            "from bitrill import flow\nflow.require('train', 'fly')"
        )
    (line,) = captured.stdout.splitlines()
    assert line.startswith("SpecError: a verb must be one of train, compress, ")
    assert line.endswith(", not 'fly'")


def test_a_notebook_whose_packages_are_missing_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> str:
        if name in ("torch", "cocotb"):
            raise PackageNotFoundError(name)
        return real(name)

    real = requirements.version
    monkeypatch.setattr(requirements, "version", missing)
    with pytest.raises(ToolError, match=r"^torch is missing .*; cocotb is missing ") as caught:
        flow.require("train", "compile", "verify")
    assert caught.value.exit_code == 3
    assert len(caught.value._render_traceback_()) == 1
    flow.require("compile", "inspect")


def test_results_are_json(results: list[flow.Result]) -> None:
    for result in results:
        assert json.loads(json.dumps(result.to_json())) == result.to_json()


def test_results_cannot_be_changed(results: list[flow.Result], whole: flow.Compiled) -> None:
    for value in (*results, load_build(whole.build.folder), flow.CompileOptions()):
        with pytest.raises(AttributeError):
            value.ok = False  # pyright: ignore
