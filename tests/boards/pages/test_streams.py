"""Frames by the words of docs/streams.md alone, against the driver and the page's own examples."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest
from bitrill_boards.driver import Network
from support import ROOT

PAGE = (ROOT / "docs" / "streams.md").read_text()
RNG = np.random.default_rng(180)


def code(value: int, spec: Mapping[str, Any]) -> int:
    """The code of a value, by the page's table."""
    if spec["coding"] == "bipolar":
        return {-1: 0, 1: 1}[value]
    if spec["coding"] == "log2":
        return 0 if value == 0 else 1 + [1 << k for k in range(60)].index(value)
    return value % 2 ** spec["bits"]


def values(spec: Mapping[str, Any], count: int) -> list[int]:
    """The first values of a coding, by the page's table."""
    if spec["coding"] == "bipolar":
        return [-1, 1]
    if spec["coding"] == "log2":
        return [0, *(2**k for k in range(count - 1))]
    return [spec["lo"] + n for n in range(count)]


def stream(array: Any, spec: Mapping[str, Any]) -> list[int]:
    """The elements of a frame in the page's order."""
    if spec["channels"] != "first":
        return [int(v) for v in flattened(array)]
    *places, channels = spec["edge"]
    order = []
    for place in product(*map(range, places)):
        for c in range(channels):
            element = array[c]
            for k in place:
                element = element[k]
            order.append(int(element))
    return order


def flattened(array: Any) -> list[Any]:
    return [e for part in array for e in flattened(part)] if isinstance(array, list) else [array]


def packed(array: Any, spec: Mapping[str, Any], word: int = 8) -> list[int]:
    """A frame as words, by the page's words."""
    bits = [code(v, spec) >> k & 1 for v in stream(array, spec) for k in range(spec["bits"])]
    words = [0] * -(-len(bits) // word)
    for k, bit in enumerate(bits):
        words[k // word] |= bit << k % word
    return words


def quantized(x: float, channel: int, quantizer: Mapping[str, Any], spec: Any) -> int:
    rows = quantizer["levels"]
    row = channel if len(rows) > 1 else 0
    levels = [float.fromhex(v) for v in rows[row]]
    n = sum(x >= level for level in levels)
    if quantizer["inverted"][row]:
        n = len(levels) - n
    return values(spec, len(levels) + 1)[n]


def rows() -> list[tuple[dict[str, Any], Any, bytes]]:
    """The page's examples: spec, array, bytes."""
    pattern = (
        r"^\| ([\dx]+) of `(\w+)`, (\d) bits?(, signed)? \| `(\w+)` \| `(.*)` \| ([0-9A-F ]+) \|"
    )
    found = []
    for sizes, coding, bits, signed, channels, array, data in re.findall(pattern, PAGE, re.M):
        spec = {"edge": [*map(int, sizes.split("x"))], "coding": coding, "bits": int(bits)}
        spec |= {"signed": bool(signed), "channels": channels}
        found.append((spec, ast.literal_eval(array), bytes.fromhex(data)))
    return found


def test_the_examples_are_what_the_rules_give() -> None:
    assert len(rows()) == 6
    for spec, array, data in rows():
        assert bytes(packed(array, spec)) == data, array


def network(**spec: Any) -> Network:
    """A network whose input and output are alike."""
    limits = {"lo": -(1 << 40), "hi": 1 << 40}
    edge = {**limits, **spec}
    plain = {k: v for k, v in edge.items() if k != "quantizer"}
    whole = {"format": 2, "name": "n", "digest": "00", "interval": "1", "latency": 1}
    into = {"quantizer": None, "raw_scale": "1", **edge}
    return Network({**whole, "input": into, "output": {**plain, "scale": [], "offset": []}})


def test_the_driver_has_the_bytes_of_the_page() -> None:
    for spec, array, data in rows():
        net = network(**spec, shape=np.shape(array))
        assert net.pack(np.array([array]), net.input.format(1)).tobytes() == data
        memory = net.pack(np.array([array, array]), net.input.format(8)).tobytes()
        assert memory == (data + bytes(-len(data) % 8)) * 2


def test_the_fourth_frame_goes_where_the_page_says() -> None:
    spec, array, data = rows()[3]
    beats = "`, then `".join(f"{w:08X}" for w in packed(array, spec, 32))
    assert f"beats of 32 bits: `{beats}` with `tlast`" in PAGE
    codes = [code(v, spec) for v in stream(array, spec)]
    own = [sum(c << 4 * j for j, c in enumerate(codes[k : k + 3])) for k in range(0, 12, 3)]
    assert "three elements each, 16 bits: " + ", ".join(f"`{w:04X}`" for w in own) in PAGE
    assert f"memory of a Zynq board: {data.hex(' ').upper()} 00 00" in PAGE


KINDS = [
    ("integer", 1, False),
    ("integer", 3, True),
    ("integer", 8, False),
    ("integer", 13, True),
    ("bipolar", 1, False),
    ("log2", 3, False),
]


@pytest.mark.parametrize(("coding", "bits", "signed"), KINDS)
@pytest.mark.parametrize("channels", ["first", "last", "flat"])
def test_any_frame_is_packed_as_the_page_says(
    coding: str, bits: int, signed: bool, channels: str
) -> None:
    edge = [12] if channels == "flat" else [2, 2, 3]
    shape = {"first": (3, 2, 2), "last": (2, 2, 3), "flat": (3, 4)}[channels]
    spec = {"edge": edge, "coding": coding, "bits": bits, "signed": signed, "channels": channels}
    spec["lo"] = -1 if coding == "bipolar" else -(1 << bits - 1) if signed else 0
    known = values(spec, 1 << bits if coding == "integer" else bits + 2)
    x = RNG.choice(known, (5, *shape))
    net = network(**spec, shape=shape)
    form = net.input.format(1)
    data = net.pack(x, form)
    assert [bytes(packed(frame, spec)) for frame in x.tolist()] == [bytes(row) for row in data]
    assert (net.outputs(form.unpack(data))[0] == x).all()


@pytest.mark.parametrize(("coding", "bits", "signed"), [("integer", 2, True), KINDS[4], KINDS[5]])
def test_floats_are_quantized_as_the_page_says(coding: str, bits: int, signed: bool) -> None:
    spec = {"edge": [2, 1, 3], "coding": coding, "bits": bits, "signed": signed}
    spec |= {"channels": "first", "lo": {"integer": -2, "bipolar": -1, "log2": 0}[coding]}
    n = 1 if coding == "bipolar" else 3
    levels = np.sort(RNG.normal(0, 1, (3, n)), axis=1)
    hexed = [[float(v).hex() for v in row] for row in levels]
    quantizer = {"levels": hexed, "inverted": [False, True, False]}
    net = network(**spec, shape=(3, 2, 1), quantizer=quantizer)
    x = np.concatenate(
        [RNG.normal(0, 1, (6, 3, 2, 1)), levels[:, :1].reshape(1, 3, 1, 1).repeat(2, 2)]
    )
    integers = [
        [
            [[quantized(v, c, quantizer, spec) for v in row] for row in rows]
            for c, rows in enumerate(f)
        ]
        for f in x.tolist()
    ]
    data = net.pack(x, net.input.format(1))
    assert [bytes(packed(frame, spec)) for frame in integers] == [bytes(row) for row in data]
