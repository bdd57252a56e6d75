"""How fast the driver packs images for a board and unpacks what comes back, on one core.

MB/s (a million bytes) are of the bytes that travel: frames as they lie in the board's memory, each
filled up to 8 bytes. ``million images/s`` times 8, 784 elements and so on follow from it. Packing
begins at the array that the user gives and includes all checks, quantizing of floats, and the copy
into memory that the hardware sees; unpacking ends at the model's integers and floats. Seconds of
processor time, the best of several batches as the driver moves them. Exits with 1 where packing is
slower than 100 MB/s.

    python benchmarks/driver.py [--json]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from bitrill.ir import BIPOLAR, IntType
from bitrill_boards.driver import Network

PROMISED = 100
SHAPE = (1, 28, 28)
WIDTHS = (1, 2, 4, 8)
ALIGN = 8
FRAMES = 4096
SECONDS = 0.4


def network(t: IntType, **out: object) -> Network:
    """A network of 784 elements of type ``t`` in and out, with a uniform quantizer before it.

    ``out``: keys of its output that are others.
    """
    steps = t.n_values - 1
    levels = [[float((k + 0.5) / steps).hex() for k in range(steps)]]
    edge = {
        "shape": list(SHAPE),
        "edge": [28, 28, 1],
        "channels": "first",
        "bits": t.bits,
        "signed": t.signed,
        "coding": t.coding.word,
        "lo": t.lo,
        "hi": t.hi,
    }
    return Network(
        {
            "format": 2,
            "name": "bench",
            "digest": "00" * 8,
            "interval": "1",
            "latency": 1,
            "input": {**edge, "quantizer": {"levels": levels, "inverted": [False]}},
            "output": {**edge, **out, "scale": [(0.5).hex()], "offset": [(0.0).hex()]},
        }
    )


def best(call: Callable[[], object]) -> float:
    """Seconds of the processor in the quickest call, after one that does not count."""
    call()
    seconds, end = [], time.process_time() + SECONDS
    while time.process_time() < end or len(seconds) < 5:
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def packing(net: Network, images: np.ndarray, name: str, bits: int) -> dict[str, Any]:
    """Images as they are given to frames in memory."""
    form = net.input.format(ALIGN)
    memory = np.zeros((FRAMES, form.bytes), np.uint8)

    def pack() -> None:
        memory[:] = net.pack(images, form)

    return row(f"pack {name}", bits, best(pack), form.bytes, str(images.dtype))


def scores() -> Network:
    """A network whose output is that of ten classes."""
    shape = {"shape": [10], "edge": [10], "channels": "flat"}
    return network(IntType(0, 255), **shape, bits=11, signed=True, lo=-1024, hi=1023)


def unpacking(net: Network, name: str, bits: int) -> dict[str, Any]:
    """Frames in memory to integers and floats of the model's shape."""
    form = net.output.format(ALIGN)
    rng = np.random.default_rng(bits)
    memory = form.pack(rng.integers(net.output.lo, net.output.hi + 1, (FRAMES, form.size)))
    return row(
        f"unpack {name}", bits, best(lambda: net.outputs(form.unpack(memory))), form.bytes, "int64"
    )


def row(what: str, bits: int, seconds: float, frame: int, array: str) -> dict[str, Any]:
    return {
        "what": what,
        "bits": bits,
        "array": array,
        "frame_bytes": frame,
        "mb_per_s": FRAMES * frame / seconds / 1e6,
        "images_per_s": FRAMES / seconds,
    }


def measured() -> list[dict[str, Any]]:
    """Measure all rows."""
    rng, rows = np.random.default_rng(0), []
    shape = (FRAMES, *SHAPE)
    pixels = (rng.integers(0, 256, shape) / 255).astype(np.float32)
    for bits in WIDTHS:
        net = network(IntType(0, (1 << bits) - 1))
        integers = rng.integers(0, 1 << bits, shape)
        rows.append(packing(net, integers.astype(np.uint8), "integers", bits))
        rows.append(packing(net, integers, "integers", bits))
        rows.append(packing(net, pixels, "floats", bits))
        rows.append(unpacking(net, "integers and floats", bits))
    signs = network(BIPOLAR)
    rows.append(packing(signs, pixels, "MNIST's floats as signs", 1))
    rows.append(packing(signs, pixels.astype(np.float64), "MNIST's floats as signs", 1))
    signed = network(IntType(-8, 7))
    rows.append(unpacking(scores(), "ten scores", 11))
    rows.append(packing(signed, rng.integers(-8, 8, shape).astype(np.int8), "signed integers", 4))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    as_json = parser.parse_args().json
    rows = measured()
    slow = [r for r in rows if r["what"].startswith("pack") and r["mb_per_s"] < PROMISED]
    if as_json:
        print(json.dumps({"promised_mb_per_s": PROMISED, "ok": not slow, "rows": rows}, indent=1))
    else:
        print(f"batches of {FRAMES} images of 784 elements, one core; MB/s of packed frames")
        print(f"{'':34} bits {'array':8} {'MB/s':>8} {'images/s':>12}")
        for r in rows:
            print(
                f"{r['what']:34} {r['bits']:4} {r['array']:8} {r['mb_per_s']:8,.0f}"
                f" {r['images_per_s']:12,.0f}"
            )
        for r in slow:
            print(f"slower than {PROMISED} MB/s: {r['what']}, {r['bits']} bits, {r['array']}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
