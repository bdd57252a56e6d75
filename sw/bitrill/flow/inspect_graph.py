"""What `inspect` shows of a graph besides tables: a drawing in a file, and the model in netron."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ..errors import ToolError
from ..ir import Graph
from ..storage import read_bytes, write_text
from .extras import extra


class GraphFile:
    """A file for the drawing of a graph; its ending is checked before any work is done."""

    def __init__(self, file: Path):
        with extra("report", "the drawing of a graph"):
            from ..report.graph_file import form_of
        self.file, self._form = file, form_of(file)

    def write(self, graph: Graph) -> None:
        """Draw a graph."""
        write_text(self.file, self._form(graph))


def in_html(file: Path) -> str:
    """Return a drawing for a notebook; nothing for a file that is no SVG or has gone."""
    if file.suffix != ".svg" or not file.is_file():
        return ""
    from ..report.images import svg_image

    return svg_image(read_bytes(file).decode(), "the folded graph")


def find_netron() -> str:
    """Return the program netron; `ToolError` if it is not installed."""
    beside = Path(sys.executable).with_name("netron")
    path = shutil.which("netron") or (str(beside) if beside.is_file() else None)
    if path is None:
        raise ToolError(
            "--netron needs netron, which is not installed: pip install netron",
            missing=True,
            package="netron",
        )
    return path
