"""Counts what a reader of the code meets, here and in earlier revisions, side by side.

    python scripts/house.py [REV ...] [--json] [--verbose]

Without a REV the working tree is read. ``--verbose`` lists what each count holds. Product code is
every ``.py`` file of ``sw``, ``hw``, ``sim`` and ``boards``; unless said otherwise, a count is over
product code.

**Imports.** An edge runs from a module to each module that it imports, also inside functions and
under ``TYPE_CHECKING``. ``from a import x`` is an edge to the module ``a.x`` where there is one,
else to ``a``: taking a name out of a package is an edge to the package's ``__init__``, from inside
the package as well, because ``__init__`` has to run first. The parents that Python runs on the way
to ``a.x`` are no edges, nor are imports by a string (``import_module``).

- circles: strongly connected components of more than one module; and the modules in them
- upward imports: edges inside ``sw/bitrill`` into a room that stands higher in ``ROOMS``.
  ``bitrill/__init__`` and ``__main__`` stand in no room. While a package ``bitrill.plan`` exists,
  its modules count to the rooms that ``ROOMS`` gives them, and some of ``passes`` to ``folding``
- modules in no room: modules that ``ROOMS`` does not know, which upward imports pass over

**Words.** What is compared is a name, attribute or ``x["..."]`` called ``style``, ``multiply``,
``coding``, ``primitives`` or ``memory``; with one of ``WORDS``, also one whose name only ends in
such a word or in ``family``. Modules in ``OWNERS`` are left out.

- words compared: ``==``, ``!=``, ``in``, ``not in`` against a string or a tuple, list or set of
  strings; each ``case`` with a string; ``{...}[x.style]`` and ``{...}.get(x.style)``
- words looked up: the same through a constant: ``x.style in STYLES``, ``TABLE[x.style]``

**Sizes.**

- files over 300 lines; functions over 40 lines (``def`` to the last line, without decorators;
  methods and nested functions too); the median length of a function
- logical lines: statements without docstrings; physical lines: all lines; by package and in all

**Style.**

- docstrings that begin with Of, As, All, That, Those or Where: of modules, classes and functions,
  and strings behind an assignment
- ``fmt: skip`` or ``fmt: off``: comments that hold it; apart, those of ``tests`` and ``benchmarks``
- ``Any``: uses in annotations (quoted ones and aliases at the top of a module too); ``dict[str,
  Any]`` is counted apart and in ``Any``
- names of several modules: file names that more than one module has, without ``__init__`` and
  ``__main__``. A module of ``hw`` in a room of ``MIRRORS`` has the name of the module of ``sw``
  whose hardware it is: that pair is meant and counts as one
- classes of several modules: class names that more than one module defines
- found, told, more, left: functions with a parameter or local so named, or named so themselves

**Duplicates.** Rows that are not boilerplate, from a ``duplicates`` command where there is one
(else ``-``): of the whole tree, and those with both sides in product code.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import tokenize
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import shorten

from rooms import MIRRORS, OWNERS, ROOMS, spelled

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"sw": "bitrill", "hw": "bitrill_hw", "sim": "bitrill_sim", "boards": "bitrill_boards"}


SUBJECTS = ("style", "multiply", "coding", "primitives", "memory")
ENDINGS = ("style", "multiply", "coding", "primitives", "family")
WORDS = frozenset(
    spelled(
        "folded parallel search unrolled runtime streamed requantize sparse lut serial dsp select"
        " integer bipolar pot codebook log2 portable xc7 ecp5 ice40 gowin"
    )
)
RIDDLES = ("Of", "As", "All", "That", "Those", "Where")
VAGUE = frozenset({"found", "told", "more", "left"})
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
SCOPE = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DESCRIBED = SCOPE | ast.Module | ast.Assign | ast.AnnAssign
CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]+")


@dataclass(frozen=True)
class Module:
    """One product file: its dotted name, its place below the root, its text."""

    name: str
    place: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return sorted(ast.walk(self.tree), key=lambda node: getattr(node, "lineno", 0))

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def at(self, node: ast.AST, what: str = "") -> str:
        return f"{self.place}:{getattr(node, 'lineno', 1)} {shorten(what, 100)}".rstrip()

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        return (n for n in self.nodes if isinstance(n, FUNCTION))


def modules(root: Path) -> list[Module]:
    """Read the product code of a tree."""
    files = []
    for folder, package in PACKAGES.items():
        for path in sorted((root / folder / package).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            name = ".".join(p for p in parts if p != "__init__")
            files.append(Module(name, path.relative_to(root).as_posix(), path.read_text("utf-8")))
    return files


# imports


def imports(module: Module, names: set[str]) -> set[str]:
    """Return the modules among ``names`` that a module imports."""
    targets = set()
    is_package = module.place.endswith("/__init__.py")
    package = module.name.split(".") if is_package else module.name.split(".")[:-1]
    for node in module.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                prefixes = (".".join(parts[:k]) for k in range(len(parts), 0, -1))
                targets.add(next((p for p in prefixes if p in names), ""))
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            full = (f"{base}.{alias.name}" for alias in node.names)
            targets.update(name if name in names else base for name in full)
    return (targets & names) - {module.name}


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module, largest first."""
    reach: dict[str, set[str]] = {}
    for start in edges:
        seen: set[str] = set()
        todo = list(edges[start])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += edges[name]
        reach[start] = seen
    rings = {frozenset(b for b in reach[a] if a in reach[b]) for a in edges if a in reach[a]}
    return sorted((sorted(r) for r in rings), key=lambda r: (-len(r), r))


def room(name: str, with_plan: bool) -> int | None:
    """Position in ``ROOMS`` of a module of ``bitrill``; None where it has none."""
    inner = name.removeprefix("bitrill.")
    ranks = {
        prefix: rank
        for rank, prefixes in enumerate(ROOMS.values())
        for prefix in prefixes
        if with_plan or not prefix.startswith("passes.")
    }
    fits = [p for p in ranks if f"{inner}.".startswith(f"{p}.")]
    return ranks[max(fits, key=len)] if fits else None


def import_counts(code: list[Module]) -> dict[str, list[str]]:
    names = {m.name for m in code}
    edges = {m.name: imports(m, names) for m in code}
    rings = circles(edges)
    inner = {n for n in names if n.startswith("bitrill.") and n != "bitrill.__main__"}
    rooms = {n: room(n, "bitrill.plan" in names) for n in inner}
    labels = list(ROOMS)
    upward = []
    for a in sorted(inner):
        for b in sorted(edges[a] & inner):
            low, high = rooms[a], rooms[b]
            if low is not None and high is not None and low < high:
                upward.append(f"{a} -> {b} ({labels[low]} -> {labels[high]})")
    return {
        "circles": [f"{len(r)} modules: {', '.join(r)}" for r in rings],
        "modules in circles": [name for r in rings for name in r],
        "upward imports": upward,
        "modules in no room": sorted(n for n in inner - {"bitrill.plan"} if rooms[n] is None),
    }


# words


def subject(node: ast.expr) -> str:
    """Name under which an expression holds a value: ``style`` for ``op.impl.style``; or empty."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""


def strings(node: ast.AST | None) -> set[str]:
    """Strings of a literal: itself, or the elements or keys that it is made of; else none."""
    match node:
        case ast.Constant(value=str(word)):
            return {word}
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return set().union(*(strings(p) for p in parts))
        case ast.Dict(keys=parts):
            return set().union(*(strings(p) for p in parts))
    return set()


def speaks(node: ast.expr, words: set[str] | None) -> bool:
    """Whether ``node`` is named after ``words``; None where they stand in a constant, unread."""
    if isinstance(node, ast.Tuple):
        return any(speaks(part, words) for part in node.elts)
    if words is not None and not words:
        return False
    name = subject(node).rstrip("_")
    known = words is None or bool(words & WORDS)
    return name in SUBJECTS or (known and name.endswith(ENDINGS))


def constant(node: ast.expr) -> bool:
    return CONSTANT.fullmatch(subject(node)) is not None


def pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """``(what is asked, what it is held against)`` of a comparison or a look-up."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            for a, op, b in zip([left, *others], ops, others, strict=False):
                if isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn):
                    yield from ((a, b), (b, a))
        case ast.Subscript(value=table, slice=key):
            yield key, table
        case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[key, *_]):
            yield key, table


def word_counts(code: list[Module]) -> dict[str, list[str]]:
    compared, looked_up = [], []
    for m in code:
        if any(f"{m.name}.".startswith(f"{owner}.") for owner in OWNERS):
            continue
        for node in m.nodes:
            sides = list(pairs(node))
            if any(speaks(a, strings(b)) for a, b in sides):
                compared.append(m.at(node, ast.unparse(node)))
            elif any(constant(b) and speaks(a, None) for a, b in sides):
                looked_up.append(m.at(node, ast.unparse(node)))
            for case in node.cases if isinstance(node, ast.Match) else ():
                values = (n.value for n in ast.walk(case.pattern) if isinstance(n, ast.MatchValue))
                if speaks(node.subject, set().union(*map(strings, values))):
                    compared.append(m.at(case.pattern, f"case {ast.unparse(case.pattern)}"))
    return {"words compared": compared, "words looked up": looked_up}


# sizes


def docstrings(module: Module) -> list[ast.Expr]:
    """String statements that open a module, class or function, or follow an assignment."""
    texts = []
    for node in module.nodes:
        body = getattr(node, "body", None)
        for k, statement in enumerate(body if isinstance(body, list) else ()):
            before = body[k - 1] if k else node
            match statement:
                case ast.Expr(value=ast.Constant(value=str())) if isinstance(before, DESCRIBED):
                    texts.append(statement)
    return texts


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def size_counts(code: list[Module]) -> dict[str, list[str]]:
    long = [(length(f), m.at(f, f.name)) for m in code for f in m.functions() if length(f) > 40]
    large = [(m.lines, m.place) for m in code if m.lines > 300]
    return {
        "files over 300 lines": [f"{n} {x}" for n, x in sorted(large, reverse=True)],
        "functions over 40 lines": [f"{n} {x}" for n, x in sorted(long, reverse=True)],
    }


def line_counts(code: list[Module]) -> dict[str, float]:
    lengths = [length(f) for m in code for f in m.functions()]
    counts: dict[str, float] = {"median function length": statistics.median(lengths or [0])}
    for kind in ("logical", "physical"):
        total = dict.fromkeys((*PACKAGES.values(), "in all"), 0)
        for m in code:
            statements = sum(isinstance(n, ast.stmt) for n in m.nodes) - len(docstrings(m))
            n = statements if kind == "logical" else m.lines
            total[m.name.partition(".")[0]] += n
            total["in all"] += n
        counts |= {f"{kind} lines, {name}": n for name, n in total.items()}
    return counts


# style


def fmt_comments(files: Iterable[tuple[str, str]]) -> list[str]:
    """``fmt: skip`` and ``fmt: off`` comments of ``(place, text)``; not those inside a string."""
    lines = []
    for place, text in files:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and re.search(r"fmt:\s*(skip|off)", token.string):
                lines.append(f"{place}:{token.start[0]}")
    return lines


def annotations(module: Module) -> Iterator[ast.expr]:
    """Annotations, quoted ones parsed, and the right-hand sides at the top of a module."""
    for node in module.nodes:
        match node:
            case ast.arg(annotation=note) | ast.AnnAssign(annotation=note):
                pass
            case ast.FunctionDef(returns=note) | ast.AsyncFunctionDef(returns=note):
                pass
            case _:
                continue
        if isinstance(note, ast.Constant) and isinstance(note.value, str):
            note = ast.copy_location(ast.parse(note.value, mode="eval").body, note)
        if note is not None:
            yield note
    # `Json = dict[str, Any]` would hide what the annotation says
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp):
            yield node.value


def any_counts(code: list[Module]) -> dict[str, list[str]]:
    anys, dicts = [], []
    for m in code:
        for note in annotations(m):
            for node in ast.walk(note):
                if isinstance(node, ast.Name | ast.Attribute) and subject(node) == "Any":
                    anys.append(m.at(note))
                if re.fullmatch(r"dict\[str, (\w+\.)?Any\]", ast.unparse(node)):
                    dicts.append(m.at(note))
    return {"Any": anys, "dict[str, Any]": dicts}


def planned_by(name: str, names: set[str]) -> str:
    """Return the module of ``sw`` whose hardware a module of the same name is; else itself."""
    room, _, base = name.rpartition(".")
    plans = (f"bitrill.{inner}.{base}" for inner in MIRRORS.get(room, ()))
    return next((plan for plan in plans if plan in names), name)


def name_counts(code: list[Module]) -> dict[str, list[str]]:
    files, classes = defaultdict(set), defaultdict(set)
    names = {m.name for m in code}
    for m in code:
        base = m.place.rpartition("/")[2].removesuffix(".py")
        if base not in ("__init__", "__main__"):
            files[base].add(planned_by(m.name, names))
        for node in m.nodes:
            if isinstance(node, ast.ClassDef):
                classes[node.name].add(m.name)
    return {
        label: [f"{k}: {', '.join(sorted(v))}" for k, v in sorted(names.items()) if len(v) > 1]
        for label, names in (
            ("names of several modules", files),
            ("classes of several modules", classes),
        )
    }


def locals_of(node: ast.AST) -> Iterator[str]:
    """Parameters and names assigned in a function, without those of functions inside it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.arg):
            yield child.arg
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        if not isinstance(child, SCOPE):
            yield from locals_of(child)


def style_counts(code: list[Module], root: Path) -> dict[str, list[str]]:
    riddles, vague = [], []
    for m in code:
        for text in docstrings(m):
            first = ast.literal_eval(text.value).strip().partition("\n")[0]
            if re.match(rf"({'|'.join(RIDDLES)})\b", first):
                riddles.append(m.at(text, first))
        for function in m.functions():
            named = VAGUE & {function.name, *locals_of(function)}
            if named:
                vague.append(m.at(function, f"{function.name}: {', '.join(sorted(named))}"))
    others = (
        p for folder in ("tests", "benchmarks") for p in sorted((root / folder).rglob("*.py"))
    )
    return {
        "docstrings Of, As, All, ...": riddles,
        "fmt: skip or off": fmt_comments((m.place, m.text) for m in code),
        "fmt: skip or off, tests": fmt_comments(
            (p.relative_to(root).as_posix(), p.read_text("utf-8")) for p in others
        ),
        **any_counts(code),
        **name_counts(code),
        "found, told, more, left": vague,
    }


def duplicate_counts(root: Path) -> dict[str, list[str] | None]:
    """Rows of the ``duplicates`` command; None without one. What it left undone is a row too."""
    labels = ("duplicates", "duplicates, product code")
    command = shutil.which("duplicates")
    if command is None:
        return dict.fromkeys(labels)
    arguments = [command, "--repo", str(root), "--most", "200", "--seconds", "120"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=150, check=False)
    rows = [line for line in done.stdout.splitlines() if re.match(r"D\d+ |incomplete", line)]
    rows = [line for line in rows if "boilerplate" not in line.split()]
    folders = "|".join(PACKAGES)
    return {
        labels[0]: rows,
        labels[1]: [r for r in rows if re.match(rf"D\d+ ({folders})/\S+ ~ ({folders})/", r)],
    }


# the table


Counts = dict[str, tuple[float | None, list[str]]]


def measure(root: Path) -> Counts:
    """Return every count of the tree under ``root`` with what it holds."""
    code = modules(root)
    listed = import_counts(code) | word_counts(code) | size_counts(code)
    listed |= style_counts(code, root)
    counts: Counts = {label: (len(rows), rows) for label, rows in listed.items()}
    counts |= {label: (n, []) for label, n in line_counts(code).items()}
    for label, rows in duplicate_counts(root).items():
        counts[label] = (None, []) if rows is None else (len(rows), rows)
    return counts


def measure_revision(revision: str) -> Counts:
    """Return the counts of a revision, unpacked into a temporary folder."""
    arguments = ["git", "-C", str(ROOT), "archive", "--format=zip", revision]
    done = subprocess.run(arguments, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode(errors="replace").strip())
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(done.stdout)) as files:
            files.extractall(folder)
        return measure(Path(folder))


def table(columns: dict[str, Counts], verbose: bool) -> str:
    labels = next(iter(columns.values()))
    cells = [["", *columns]]
    for label in labels:
        numbers = (counts[label][0] for counts in columns.values())
        cells.append([label, *("-" if n is None else f"{n:,g}" for n in numbers)])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in cells
    ]
    for label in labels if verbose else ():
        for name, counts in columns.items():
            if counts[label][1]:
                lines += ["", f"{label}, {name}", *(f"  {row}" for row in counts[label][1])]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("revisions", nargs="*", metavar="REV", help="none: the working tree")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--verbose", action="store_true", help="list what each count holds")
    chosen = parser.parse_args(arguments)
    columns = {rev: measure_revision(rev) for rev in chosen.revisions}
    columns = columns or {"working tree": measure(ROOT)}
    if chosen.json:
        report = {
            name: {
                label: {"count": n, "rows": rows} if chosen.verbose else n
                for label, (n, rows) in counts.items()
            }
            for name, counts in columns.items()
        }
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
    else:
        sys.stdout.write(table(columns, chosen.verbose) + "\n")


if __name__ == "__main__":
    main()
