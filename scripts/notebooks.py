"""Executes the notebooks of examples/notebooks; writes each as a Jupyter notebook and as a page.

    python scripts/notebooks.py [NAME ..] [--setting small|large] [--out FOLDER] [--pages FOLDER]

A source is a Python file in jupytext's percent format. It runs in a folder of its own, which is
removed afterwards. ``FOLDER/NAME.ipynb`` has what the cells showed. A page is Markdown with the
same in HTML, which the documentation includes without any extension. ``make notebooks`` runs this.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from bitrill import BitrillError
from bitrill.errors import SpecError, ToolError
from bitrill.flow.extras import extra

if TYPE_CHECKING:
    from nbformat import NotebookNode

SOURCES = Path(__file__).resolve().parents[1] / "examples" / "notebooks"

SETTING = "BITRILL_NOTEBOOKS"
"""Variable of the environment that a notebook's parameters read."""

SETTINGS = ("small", "large")

CELL_SECONDS = 3600
"""Longest time of a cell."""

TAG = "parameters"
"""Tag of the cell that reads `SETTING`."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all, if none is given")
    parser.add_argument("--setting", choices=SETTINGS, default="small")
    parser.add_argument("--out", type=Path, default=Path("build/notebooks"))
    parser.add_argument("--pages", type=Path, help="folder for Markdown; default: that of --out")
    options = parser.parse_args(arguments)
    try:
        for path in chosen(options.names):
            print(f"notebooks: {path.stem}", file=sys.stderr)
            notebook = execute(path, options.setting)
            write(notebook, path.stem, options.out, options.pages or options.out)
    except BitrillError as error:
        print(f"notebooks: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def sources() -> dict[str, Path]:
    """Return the source of each notebook, by name."""
    return {path.stem: path for path in sorted(SOURCES.glob("*.py"))}


def chosen(names: list[str]) -> list[Path]:
    """Return the sources of these notebooks, or of all of them."""
    known = sources()
    for name in names:
        if name not in known:
            raise SpecError(f"a notebook must be one of {', '.join(known)}, not {name!r}")
    return [known[name] for name in names or known]


def read(path: Path) -> NotebookNode:
    """Return a source as a notebook that has not run."""
    with extra("notebooks", "a notebook"):
        import jupytext
    return jupytext.read(path, fmt="py:percent")


def execute(path: Path, setting: str = "small") -> NotebookNode:
    """Run a notebook in an empty folder; `ToolError` for a cell that fails."""
    notebook = read(path)
    with extra("notebooks", "a notebook"):
        import ipykernel  # noqa: F401 - the process that runs the cells
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    os.environ[SETTING] = setting
    with tempfile.TemporaryDirectory(prefix="bitrill-") as folder:
        work = Path(folder, "work")
        work.mkdir()
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(work)}},
        )
        kernel = client.create_kernel_manager()
        # by files of ours, which nobody else can read, and not by ports
        kernel.transport, kernel.connection_file = "ipc", str(Path(folder, "kernel.json"))
        try:
            client.execute()
        except CellExecutionError as error:
            raise ToolError(f"{path.name}: {error.ename}: {error.evalue}") from error
    return notebook


def write(notebook: NotebookNode, name: str, out: Path, pages: Path) -> None:
    """Write ``NAME.ipynb`` to ``out`` and ``NAME.md`` to ``pages``."""
    import nbformat

    for folder in (out, pages):
        folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, out / f"{name}.ipynb")
    (pages / f"{name}.md").write_text(page(notebook, name))


def page(notebook: NotebookNode, name: str) -> str:
    """Return an executed notebook as Markdown."""
    title, *cells = notebook.cells
    about = (
        f"This page is the notebook `examples/notebooks/{name}.py` as it ran.\n"
        f"`python scripts/notebooks.py {name}` runs it again; the figures depend on the machine."
    )
    blocks = [title.source, about]
    for cell in cells:
        if cell.cell_type == "markdown":
            blocks.append(cell.source)
        else:
            blocks.append(f"```python\n{cell.source}\n```")
            blocks += [block for output in cell.outputs if (block := shown(output))]
    return "\n\n".join(blocks) + "\n"


def shown(output: NotebookNode) -> str:
    """Return what a cell gave, as Markdown; nothing for remarks on stderr."""
    if output.output_type == "stream":
        return fenced(output.text) if output.name == "stdout" else ""
    data = output.data
    if "text/html" in data:
        html = re.sub(r"\n\s*", " ", data["text/html"])  # a block of HTML ends at an empty line
        return f'<div class="output" style="overflow-x:auto">{html}</div>'
    return f"<pre>{escape(data['text/plain'])}</pre>"


def fenced(text: str) -> str:
    """Return a text as a block of code, whose fence is longer than those inside."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text.rstrip()}\n{fence}"


if __name__ == "__main__":
    sys.exit(main())
