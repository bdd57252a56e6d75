"""The C driver's values against the Python driver's: quantized, packed, unpacked, decided."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from bitrill.errors import SpecError
from bitrill.ir import BIPOLAR, IntType
from bitrill_boards import c_driver
from bitrill_boards.driver import Network
from boards.c_driver.compiled import applied, c_type, program

RNG = np.random.default_rng(18)
FRAMES = 1000
SORTED = np.sort(RNG.normal(0, 1, (3, 40)), axis=1)


def edge(t: IntType, edge: tuple[int, ...], planes: bool) -> dict[str, Any]:
    shape = (edge[-1], *edge[:-1]) if planes else edge
    kind = {"bits": t.bits, "signed": t.signed, "coding": t.coding.word, "lo": t.lo, "hi": t.hi}
    return {
        "shape": list(shape),
        "edge": list(edge),
        "channels": "first" if planes else "flat" if len(edge) == 1 else "last",
        **kind,
    }


def meaning(scale: list[float], offset: list[float]) -> dict[str, Any]:
    return {"scale": [float(s).hex() for s in scale], "offset": [float(o).hex() for o in offset]}


def described(into: dict[str, Any], out: dict[str, Any], levels: Any, inverted: Any) -> dict:
    rows = None if levels is None else [[float(v).hex() for v in row] for row in levels]
    quantizer = rows and {"levels": rows, "inverted": inverted}
    return {
        "format": 2,
        "name": "made up",
        "digest": "0123456789abcdef",
        "interval": "3/2",
        "latency": 9,
        "input": {**into, "quantizer": quantizer, "raw_scale": None if quantizer else "1/255"},
        "output": out,
    }


def one(t: IntType, size: int, scale: list[float], offset: list[float]) -> dict[str, Any]:
    return {**edge(t, (size,), False), **meaning(scale, offset)}


TWO = {
    **edge(IntType(-9, 9), (2 * 3 * 2 + 5,), False),
    **meaning([], []),
    "segments": [
        {"shape": [2, 2, 3], "edge": [2, 3, 2], "channels": "first", **meaning([0.3, 7], [1])},
        {"shape": [5], "edge": [5], "channels": "flat", **meaning([-0.1], [0.7, 0, 1, 2, 3])},
    ],
    "outputs": [
        {"name": "a", "shape": [2, 2, 3], "dtype": "float64", "value": 0},
        {"name": "b", "shape": [5], "dtype": "float64", "value": 1},
    ],
}
CASES = {
    "signs": described(
        edge(BIPOLAR, (33,), False), one(IntType(-33, 33), 10, [0.25], [1.0]), [[0.1]], [False]
    ),
    "signs, downwards": described(
        edge(BIPOLAR, (4, 2), True),
        one(IntType(0, 200), 3, [-0.25], [1.0]),
        [[0.1], [-3.0]],
        [True, False],
    ),
    "four bits, planes": described(
        edge(IntType(-7, 7), (3, 5, 2), True),
        {**edge(IntType(-100, 300), (2, 2, 3), True), **meaning([0.1, 0.2, 0.3], [1.0])},
        [np.arange(-6, 8) * 0.1 - 0.05],
        [False],
    ),
    "channels": described(
        edge(IntType(0, 40), (7, 3), True),
        {**edge(IntType(-4, 3), (2, 5), False), **meaning([0.5], [0.0, 1, 2, 3, 4])},
        SORTED,
        [False, True, False],
    ),
    "all downwards": described(
        edge(IntType(-20, 20), (5,), False), one(BIPOLAR, 9, [2.0], [-1.0]), SORTED[:1], [True]
    ),
    "never": described(
        edge(IntType(0, 4), (6,), False),
        one(IntType(0, 70000), 4, [0.5] * 4, [0.25]),
        [[-1e300, 1e-320, 1e39, np.inf]],
        [False],
    ),
    "powers": described(
        edge(IntType(0, 1 << 14, "log2"), (11,), False),
        one(IntType(0, 1 << 6, "log2"), 7, [0.5], [0.0]),
        [2.0 ** (np.arange(15) - 0.5)],
        [False],
    ),
    "pixels": described(
        edge(IntType(0, 255), (5, 3), True), one(IntType(0, 1023), 1, [], []), None, None
    ),
    "wide": described(
        edge(IntType(-(1 << 40), 5), (3, 2), True),
        one(IntType(-(1 << 63), (1 << 63) - 1), 3, [1e-9], [0.0]),
        None,
        None,
    ),
    "two outputs": described(edge(IntType(3, 9), (4,), False), TWO, None, None),
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    spec = CASES[request.param]
    return spec, program(spec, "values.c", tmp_path_factory.mktemp("c"))


def drawn(spec: dict[str, Any], n: int = FRAMES) -> np.ndarray:
    """Random integers in the model's order, with the least and the largest."""
    t = IntType(spec["lo"], spec["hi"], spec["coding"])
    if t.n_values < 1 << 16:
        x = RNG.choice(t.values(), (n, *spec["shape"]))
    else:
        x = RNG.integers(t.lo, t.hi, (n, *spec["shape"]), endpoint=True)
    x[0], x[1] = t.lo, t.hi
    return x


def images(spec: dict[str, Any], dtype: Any) -> np.ndarray:
    """Floats at the levels, just beside them, and anywhere."""
    levels = np.array([[float.fromhex(v) for v in row] for row in spec["quantizer"]["levels"]])
    with np.errstate(over="ignore"):
        at = levels.astype(dtype).ravel()
    beside = [np.nextafter(at, dtype(-np.inf)), np.nextafter(at, dtype(np.inf))]
    far = np.array([0, -0.0, np.finfo(dtype).max, -np.finfo(dtype).max], dtype)
    pool = np.concatenate([at, *beside, far, RNG.normal(0, 1, 500).astype(dtype)])
    return RNG.choice(pool[np.isfinite(pool)], (FRAMES, *spec["shape"]))


def test_integers_become_the_same_frames(case) -> None:
    spec, path = case
    net = Network(spec)
    x = drawn(spec["input"])
    wanted = net.pack(x, net.input.format(1))
    found = applied(path, "pack", x.astype(c_type(spec["input"])), np.uint8)
    assert (found == wanted).all()


def test_results_become_the_same_integers_numbers_and_decisions(case) -> None:
    spec, path = case
    net, out = Network(spec), spec["output"]
    y = drawn(out)
    frames = net.output.format(1).pack(net.output.to_stream(y).reshape(FRAMES, -1))
    found = applied(path, "unpack", frames, c_type(out))
    integers, outputs = net.outputs(net.output.format(1).unpack(frames))
    assert (found == integers.reshape(FRAMES, -1)).all()
    numbers = applied(path, "numbers", found, np.float64)
    plain = {**out, "outputs": out.get("outputs") or [_all_of(out)]}
    outputs = Network({**spec, "output": plain}).outputs(net.output.to_stream(y))[1]
    assert (numbers == np.concatenate([o.reshape(FRAMES, -1) for o in outputs.values()], 1)).all()
    decisions = applied(path, "decide", found, np.uint32)[:, 0]
    assert (decisions == _decided(out, found, numbers)).all()


def _all_of(out: dict[str, Any]) -> dict[str, Any]:
    return {"name": "all", "shape": out["shape"], "dtype": "float64", "value": 0}


def _decided(out: dict[str, Any], integers: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The decision by comparing numbers, and where scales are the same exactly, integers."""
    if "segments" in out:  # the stream's order is that of the decision
        return numbers[:, :12].reshape(-1, 2, 6).transpose(0, 2, 1).reshape(-1, 12).argmax(1)
    if not out["scale"]:
        return integers[:, 0]
    if len(set(out["scale"])) == len(set(out["offset"])) == 1:
        down = float.fromhex(out["scale"][0]) < 0
        return integers.argmin(1) if down else integers.argmax(1)
    return numbers.argmax(1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_quantized_as_the_model_does(case, dtype: Any) -> None:
    spec, path = case
    if spec["input"]["quantizer"] is None:
        return
    net, end = Network(spec), "_double" if dtype == np.float64 else ""
    x = images(spec["input"], dtype)
    found = applied(path, f"quantize{end}", x, c_type(spec["input"]))
    wanted = net.input.to_model(net.integers(x)).reshape(FRAMES, -1)
    assert (found == wanted).all()
    packed = applied(path, f"pack_image{end}", x, np.uint8)
    assert (packed == net.pack(x, net.input.format(1))).all()


def test_what_is_no_image_is_refused(case) -> None:
    spec, path = case
    t, kind = spec["input"], c_type(spec["input"])
    for bad in (t["lo"] - 1, t["hi"] + 1):
        if np.iinfo(kind).min <= bad <= np.iinfo(kind).max:
            x = np.full((1, *t["shape"]), t["hi"], kind)
            x[0, ..., -1] = bad
            with pytest.raises(ValueError, match=rf"^an integer is not {t['lo']}\.\.{t['hi']}\n$"):
                applied(path, "pack", x, np.uint8)
    for bad in (np.nan, np.inf, -np.inf):
        x = np.zeros((1, *t["shape"]), np.float32)
        x[0, ..., -1] = bad
        for function in ("quantize", "pack_image") if t["quantizer"] else ():
            with pytest.raises(ValueError, match=r"^the image holds NaN or infinity\n$"):
                applied(path, function, x, np.uint8)


def test_a_prefix_is_an_identifier() -> None:
    spec = CASES["signs"]
    for bad in ("", "1st", "a-b", "ä", "a b"):
        with pytest.raises(SpecError, match="a prefix must be an identifier"):
            c_driver.sources(spec, bad)
    assert list(c_driver.sources(spec)) == ["bitrill.h", "bitrill.c"]


def test_every_name_has_the_prefix() -> None:
    for name, text in c_driver.sources(CASES["signs"], "mine").items():
        assert "MINE_LINUX" in text, name
        assert not re.search(r"NET_|\bnet_|@\w+@", text), name
    assert "elements of 1 bit, and of its result, integers of 7 bits" in text_of("signs")


def text_of(case: str) -> str:
    return c_driver.sources(CASES[case])["bitrill.h"]
