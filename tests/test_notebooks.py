"""The notebooks: what they name exists, their pages are theirs, and all they say is so when run."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, get_type_hints

import pytest
from bitrill import flow
from bitrill.errors import SpecError, ToolError
from bitrill.flow.compile_options import CompileKeywords
from support import ROOT

if TYPE_CHECKING:
    from nbformat import NotebookNode

SOURCES = sorted((ROOT / "examples" / "notebooks").glob("*.py"))
each = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "scripts/notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


notebooks = loaded()


def code(path: Path) -> list[str]:
    return [c.source for c in notebooks.read(path).cells if c.cell_type == "code"]


@each
def test_a_source_is_a_notebook(path: Path) -> None:
    import jupytext
    import nbformat

    notebook = notebooks.read(path)
    nbformat.validate(notebook)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert all(cell.source.strip() for cell in notebook.cells)
    assert [notebooks.TAG in c.metadata.get("tags", []) for c in notebook.cells].count(True) == 1
    again = jupytext.reads(jupytext.writes(notebook, "py:percent"), "py:percent")
    assert [c.source for c in again.cells] == [c.source for c in notebook.cells]


@each
def test_a_notebook_asks_for_what_it_needs_before_anything_else(path: Path) -> None:
    first, *others = code(path)
    called = set(re.findall(r"\bflow\.(\w+)\(", "\n".join(others)))
    (asked,) = (ast.literal_eval(a) for a in re.findall(r"flow\.require(\(.*?\))", first, re.S))
    verbs = {name.replace("-", "_") for name in asked}
    assert {name for name in called if name in vars(flow) and name != "load_build"} <= verbs


@each
def test_what_a_notebook_names_exists(path: Path) -> None:
    text = "\n".join(code(path))
    tree = ast.parse(text)
    compile(tree, path.name, "exec")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                importlib.import_module(name.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for name in node.names:
                if not hasattr(module, name.name):
                    importlib.import_module(f"{node.module}.{name.name}")
        elif isinstance(node, ast.Call):
            check_call(node)


def check_call(call: ast.Call) -> None:
    """Check the name and the keywords of a call of `bitrill.flow`."""
    name = call.func
    if not isinstance(name, ast.Attribute) or not isinstance(name.value, ast.Name):
        return
    if name.value.id != "flow":
        return
    parameters = set(inspect.signature(getattr(flow, name.attr)).parameters)
    if name.attr == "compile":
        parameters |= set(get_type_hints(CompileKeywords))
    assert {k.arg for k in call.keywords if k.arg} <= parameters


def test_a_call_that_does_not_exist_is_found() -> None:
    def call(text: str) -> ast.Call:
        (statement,) = ast.parse(text).body
        assert isinstance(statement, ast.Expr)
        assert isinstance(statement.value, ast.Call)
        return statement.value

    check_call(call("flow.compile('m', board='b', out='o')"))
    with pytest.raises(AssertionError):
        check_call(call("flow.compile('m', bord='b')"))
    with pytest.raises(AttributeError):
        check_call(call("flow.fly()"))


@each
def test_a_page_is_that_of_its_notebook(path: Path) -> None:
    page = (ROOT / "docs" / "notebooks" / f"{path.stem}.md").read_text()
    place = 0
    for cell in notebooks.read(path).cells:
        block = f"```python\n{cell.source}\n```" if cell.cell_type == "code" else cell.source
        assert block in page[place:], f"make notebooks: the page lacks {block!r}"
        place = page.index(block, place) + len(block)


def test_every_page_is_listed_and_has_a_notebook() -> None:
    folder = ROOT / "docs" / "notebooks"
    names = [path.stem for path in SOURCES]
    assert sorted(p.stem for p in folder.glob("*.md")) == sorted([*names, "index"])
    listed = re.findall(r"\((\w+)\.md\)", (folder / "index.md").read_text())
    assert sorted(listed) == names


def test_the_makefile_runs_them_all() -> None:
    assert "scripts/notebooks.py --pages docs/notebooks\n" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("package", ["jupytext", "nbclient", "ipykernel"])
def test_without_the_extra_one_line_says_so(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.exceptions", None)
    name = SOURCES[0].stem
    assert notebooks.main([name]) == 3
    assert capsys.readouterr().err == (
        f"notebooks: {name}\n"
        f"notebooks: error: a notebook needs {package}, which is not installed:"
        " pip install 'bitrill[notebooks]'\n"
    )


def test_a_notebook_that_does_not_exist() -> None:
    with pytest.raises(SpecError, match=r"^a notebook must be one of .*, not 'mnist'$"):
        notebooks.chosen(["mnist"])


def test_a_failing_cell_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("# %%\nfrom bitrill import flow\n\nflow.require('fly')\n")
    with pytest.raises(ToolError, match=r"^bad\.py: SpecError: a verb must be one of .*'fly'$"):
        notebooks.execute(path)


def test_what_a_cell_shows_is_markdown(tmp_path: Path) -> None:
    import nbformat

    def output(**given: object) -> nbformat.NotebookNode:
        return nbformat.v4.new_output(**given)

    html = output(
        output_type="display_data", data={"text/html": "<p>\n\n <b></p>", "text/plain": ""}
    )
    assert notebooks.shown(html) == (
        '<div class="output" style="overflow-x:auto"><p> <b></p></div>'
    )
    plain = output(output_type="execute_result", data={"text/plain": "a < b"})
    assert notebooks.shown(plain) == "<pre>a &lt; b</pre>"
    printed = output(output_type="stream", name="stdout", text="a\nb\n")
    assert notebooks.shown(printed) == "```text\na\nb\n```"
    assert notebooks.shown(output(output_type="stream", name="stderr", text="a")) == ""
    assert notebooks.fenced("```sh\na\n```\n") == "````text\n```sh\na\n```\n````"


SAID = {
    "mnist_board": ["0 of 200 samples", "0 of 20 samples", "0 of 50 frames", "uart"],
    "pynq_images": ["0 of 100 samples", "0 of 100 frames", "slowest layer", "-source build.tcl"],
    "logic_network": ["0 of 360 samples", "front/model_", "0 of 360 samples"],
    "own_module": ["prune", "distil", "LUTs before pruning", "0 of 100 samples", "of torch 9"],
    "keywords_icebreaker": ["0 of 50 samples", "of torch ", "0 of 20 frames", "uart"],
}
"""What the outputs of each notebook must have, in this order; the rest is asserted in its cells."""


def lacks(notebook: NotebookNode, words: list[str]) -> str | None:
    """Return the first of some words that the outputs do not have in their turn."""
    outputs = [notebooks.shown(o) for cell in notebook.cells for o in cell.get("outputs", [])]
    text, place = re.sub(r"<[^>]*>", " ", "\n".join(outputs)), 0
    for word in words:
        if (place := text.find(word, place)) < 0:
            return word
    return None


def test_words_that_no_output_has_are_found() -> None:
    import nbformat

    def cell(text: str) -> NotebookNode:
        output = nbformat.v4.new_output("stream", name="stdout", text=text)
        return nbformat.v4.new_code_cell("print('c')", outputs=[output])

    notebook = nbformat.v4.new_notebook(cells=[cell("a <i>b</i>"), cell("d")])
    assert lacks(notebook, ["a", "b", "d"]) is None
    assert lacks(notebook, ["b", "a"]) == "a"
    assert lacks(notebook, ["c"]) == "c"


@pytest.mark.nightly
@each
def test_a_notebook_runs(path: Path) -> None:
    notebook = notebooks.execute(path, "small")
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"] == []
    assert lacks(notebook, SAID[path.stem]) is None
