"""Computes a model's outputs in C: the host's functions, one after the other, in double.

Each value has a place of its own in the caller's memory ``work``. Shapes, and where the elements of
moved or broadcast values come from, are found by the Python driver's functions.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import prod
from textwrap import indent
from typing import Any

import numpy as np

from ..driver.functions import FUNCTIONS
from ..driver.outputs import attribute, described
from .axes import AxisRows, NotInCError, along, results
from .c_functions import BINARY, DEFAULTS, GELU, HELPERS, UNARY
from .edge import listed
from .numbers import segments

TYPES = {
    "float32": "float",
    "float64": "double",
    **{f"{u}int{b}": f"{u}int{b}_t" for u in ("", "u") for b in (8, 16, 32, 64)},
}
"""C's word for an output's type."""

MOVED = ("Concat", "Reorder", "Reshape", "Slice", "Transpose")
"""Functions that only move elements."""


def outputs(output: Mapping[str, Any]) -> tuple[str, str]:
    """Return declaration and definition of ``net_apply``, which computes the model's outputs.

    If a function has no form in C, the declaration is a comment that names it.
    """
    try:
        return _outputs(output)
    except NotInCError as error:
        return f"\n/* The model's outputs are not computed in C: {error} has no form here. */\n", ""


def _outputs(output: Mapping[str, Any]) -> tuple[str, str]:
    program = _Program(output)
    parameters, copies = "", ""
    named = described(output)
    for (name, shape, dtype, value), own in zip(named, _names([n for n, *_ in named]), strict=True):
        kind = TYPES.get(str(dtype))
        if kind is None:
            raise NotInCError(f"an output of type {dtype}")
        size = prod(shape)
        parameters += f",\n               {kind} {own}[{size}] /* {_plain(name)} */"
        copies += (
            f"    for (k = 0; k < {size}; ++k)\n"
            f"        {own}[k] = ({kind})work[{program.starts[value]} + k];\n"
        )
    head = "void net_apply(const net_out integers[NET_OUTPUTS], double work[NET_WORK]" + parameters
    text = _helpers(program.text)
    text += f"\n{head})\n{{\n    uint32_t k;\n    net_numbers(integers, work);\n"
    text += program.text + copies + "}\n"
    return _DECLARED.format(size=program.size, head=head), text


_DECLARED = """
/* Computes the model's outputs from its integers: what they mean, then the functions at the model's
 * end, in double. Last bits of exponentials and the like depend on the C library. */
#define NET_WORK {size}u
{head});
"""


class _Program:
    """The statements of all functions; ``starts``: where in ``work`` each value begins."""

    def __init__(self, output: Mapping[str, Any]):
        self.text = ""
        self._shapes = [(1, *s["shape"]) for s in segments(output)]
        self.starts = list(accumulate((prod(s) for s in self._shapes), initial=0))
        self.size = self.starts.pop()
        for f in output.get("functions", []):
            attributes = {k: attribute(v) for k, v in f["attributes"].items()}
            self._function(f["op"], f["inputs"], attributes)

    def _function(self, op: str, inputs: Sequence[int], attributes: Mapping[str, Any]) -> None:
        """Add the statements of one function, and its value."""
        numbers = [
            np.arange(prod(self._shapes[i])).reshape(self._shapes[i]) + self.starts[i]
            for i in inputs
        ]
        shape = FUNCTIONS[op](*(n * 0.0 + 1.0 for n in numbers), **attributes).shape
        body = along(op, attributes)
        if body is not None:
            rows = AxisRows.of(numbers[0].shape, attributes)
            text = _rows(body, rows, results(op, attributes, rows.n), self.starts[inputs[0]])
        elif op in MOVED:
            text = _loop([FUNCTIONS[op](*numbers, **attributes)], {}, "x")
        else:
            values = [np.broadcast_to(n, shape) for n in numbers]
            expression, constants = _expression(op, attributes)
            spread = {k: np.broadcast_to(v, shape) for k, v in constants.items()}
            text = _loop(values, spread, expression)
        text = text.replace("@to@", str(self.size)).replace("@size@", str(prod(shape)))
        self.text += f"    {{ /* {op} */\n{indent(text, ' ' * 8)}    }}\n"
        self._shapes.append(shape)
        self.starts.append(self.size)
        self.size += prod(shape)


def _expression(op: str, attributes: Mapping[str, Any]) -> tuple[str, dict[str, np.ndarray]]:
    """Return a function of ``x`` and ``y``, and its constants by name."""
    if op in BINARY:
        if "value" not in attributes:
            return BINARY[op], {}
        first, second = ("y", "x") if attributes.get("reverse") else ("x", "y")
        swapped = re.sub(r"\b[xy]\b", lambda m: first if m[0] == "x" else second, BINARY[op])
        return swapped, {"y": np.asarray(attributes["value"], np.float64)}
    if op == "Cast":
        return _cast(attributes["to"]), {}
    if op not in UNARY:
        raise NotInCError(op)
    words = DEFAULTS.get(op, {}) | {k: k for k in attributes}
    if op == "Gelu":
        words = {"gelu": GELU[attributes.get("approximate", "none")]}
        attributes = {}
    constants = {k: np.asarray(v, np.float64) for k, v in attributes.items()}
    return UNARY[op].format(**words), constants


def _cast(to: str) -> str:
    """Return ``x`` rounded to a type of numpy's."""
    if to in ("float32", "float64"):
        return f"({TYPES[to]})x"
    if to == "bool":
        return "x > 0 || x < 0"
    if to in TYPES:
        return "trunc(x)"
    raise NotInCError(f"Cast to {to}")


def _loop(values: Sequence[np.ndarray], constants: Mapping[str, np.ndarray], text: str) -> str:
    """Return a loop over all elements of a value.

    ``values``: places in ``work`` of ``x`` (and ``y``), for each element.
    """
    tables, lines = "", ""
    for name, at in zip("xy", values, strict=False):
        place, table = _place(at.ravel(), f"from_{name}")
        tables += table
        lines += f"    const double {name} = work[{place}];\n"
    for name, value in constants.items():
        flat = value.ravel()
        words = [_double(v) for v in flat.tolist()]
        where = words[0]
        if len(set(words)) > 1:
            tables += f"static const double all_{name}[] = {{{listed(words, 12)}}};\n"
            where = f"all_{name}[k]"
        lines += f"    const double {name} = {where};\n"
    loop = f"for (k = 0; k < @size@; ++k) {{\n{lines}    work[@to@ + k] = {text};\n}}\n"
    return tables + loop


def _place(at: np.ndarray, name: str) -> tuple[str, str]:
    """Return where element ``k`` comes from, and a table if it must be looked up."""
    first = int(at[0])
    if (at == first).all():
        return str(first), ""
    if (at == first + np.arange(len(at))).all():
        return f"{first} + k", ""
    words = [str(v) for v in at.tolist()]
    return f"{name}[k]", f"static const uint32_t {name}[] = {{{listed(words, 12)}}};\n"


def _rows(body: str, rows: AxisRows, results: int, start: int) -> str:
    """Return the loops over the rows of a function along axes."""
    return f"""int32_t o, i;
for (o = 0; o < {rows.outer}; ++o)
    for (i = 0; i < {rows.inner}; ++i) {{
        const double *const x = work + {start} + o * {rows.n * rows.inner} + i;
        double *const out = work + @to@ + o * {results * rows.inner} + i;
        const int32_t n = {rows.n}, step = {rows.inner};
{indent(body, " " * 8)}
    }}
"""


def _helpers(text: str) -> str:
    """Return the definitions of the helpers that a text calls, and of those that these call."""
    needed: list[str] = []
    for name, body in reversed(HELPERS.items()):
        if re.search(rf"\b{name}\(", text):
            needed.insert(0, body)
            text += body
    return "".join(needed)


def _names(names: Sequence[str]) -> list[str]:
    """Return a C name for each output: its own if it can be one."""
    usable = [re.fullmatch(r"[a-z]\w{2,30}", n, re.ASCII) is not None for n in names]
    reserved = {"integers", "work", "double", "float", "int", "long", "short", "char", "for"}
    clear = all(usable) and len(set(names) | reserved) == len(names) + len(reserved)
    return list(names) if clear else [f"output{k}" for k in range(len(names))]


def _plain(name: str) -> str:
    """Return a name as a comment may hold it."""
    return re.sub(r"[^\w .:-]", "_", name)[:60]


def _double(value: float) -> str:
    if np.isfinite(value):
        return float(value).hex()
    return "INFINITY" if value > 0 else "-INFINITY" if value < 0 else "NAN"
