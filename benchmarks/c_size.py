"""Bytes that the C driver takes on a Cortex-M0, by what a program uses of it.

Compiled with ``arm-none-eabi-gcc -mcpu=cortex-m0 -Os`` and linked without what is not used; the
figures include what it takes from the C library (comparing floats in software). Networks have 784
inputs, as MNIST's images, and ten scores of 12 bits. There is no static memory but constants.

    python benchmarks/c_size.py [--json]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from bitrill.ir import BIPOLAR, IntType
from bitrill_boards import c_driver

GCC, SIZE = "arm-none-eabi-gcc", "arm-none-eabi-size"
FLAGS = (
    "-mcpu=cortex-m0 -mthumb -std=c99 -Wall -Wextra -Werror -Os -ffunction-sections -fdata-sections"
)
LINK = "-nostartfiles -Wl,--gc-sections -Wl,-e,main --specs=nosys.specs"

VALUES = "net_unpack(result, out); answer = net_decide(out);"
USES = {
    "integers packed, unpacked, decided": f"net_pack(integers, frame); {VALUES}",
    "images quantized and packed": f"net_pack_image(image, frame); {VALUES}",
    "the same over a serial line": "net_serial_open(&line); net_pack_image(image, frame);"
    f" net_serial_run(&line, frame, result, 1, 0); {VALUES}",
    "the same over the AXI shell": "net_axi axi = net_axi_at(0x40000000); net_axi_open(&axi);"
    " net_pack_image(image, frame); net_axi_start(&axi, (uintptr_t)frame, (uintptr_t)result, 1);"
    f" net_axi_finish(&axi, 0); {VALUES}",
}
"""Statements of a program, by what is said of it."""

_MAIN = """#include "net.h"
extern float image[NET_INPUTS];
extern net_in integers[NET_INPUTS];
extern uint8_t frame[NET_MEMORY_IN], result[NET_MEMORY_OUT];
extern net_out out[NET_OUTPUTS];
extern net_serial line;
extern volatile uint32_t answer;
int main(void) {{ {uses} return 0; }}
"""
_DATA = """#include "net.h"
float image[NET_INPUTS];
net_in integers[NET_INPUTS];
uint8_t frame[NET_MEMORY_IN], result[NET_MEMORY_OUT];
net_out out[NET_OUTPUTS];
net_serial line;
volatile uint32_t answer;
"""


def network(t: IntType) -> dict[str, object]:
    """A ``network.json`` with inputs of type ``t``, evenly quantized."""
    score = IntType(-2048, 2047)
    steps = t.n_values - 1
    levels = [[float(v).hex() for v in (np.arange(steps) + 0.5) / steps]]

    def edge(kind: IntType, *shape: int) -> dict[str, object]:
        own = {"bits": kind.bits, "signed": kind.signed, "coding": kind.coding.word}
        return {
            "shape": shape,
            "edge": shape,
            "channels": "flat",
            "lo": kind.lo,
            "hi": kind.hi,
            **own,
        }

    return {
        "name": "mnist",
        "digest": "00" * 8,
        "input": {**edge(t, 784), "quantizer": {"levels": levels, "inverted": [False]}},
        "output": {**edge(score, 10), "scale": [(0.5).hex()], "offset": [(0.0).hex()]},
    }


def bytes_of(spec: dict[str, object], uses: str, folder: Path) -> int:
    """Return the bytes of code and constants of a program."""
    texts = c_driver.sources(spec, "net")
    texts |= {"main.c": _MAIN.format(uses=uses), "data.c": _DATA}
    for name, text in texts.items():
        (folder / name).write_text(text)
    sources = [str(folder / n) for n in ("main.c", "net.c", "data.c")]
    program = str(folder / "program")
    command = [GCC, *FLAGS.split(), *LINK.split(), *sources, "-o", program]
    subprocess.run(command, check=True, capture_output=True, text=True)
    done = subprocess.run([SIZE, program], check=True, capture_output=True, text=True)
    text, data, *_ = done.stdout.splitlines()[1].split()
    return int(text) + int(data)


def main() -> int:
    parser = argparse.ArgumentParser(description="Bytes of the C driver on a Cortex-M0.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    if shutil.which(GCC) is None:
        print(f"{GCC} is not installed: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi")
        return 3
    rows: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for title, t in (("signs", BIPOLAR), ("8 bits", IntType(0, 255))):
            spec = network(t)
            rows[title] = {what: bytes_of(spec, uses, Path(scratch)) for what, uses in USES.items()}
    if args.json:
        print(json.dumps(rows))
        return 0
    print(f"{'':36}" + "".join(f"{title:>10}" for title in rows))
    for what in USES:
        print(f"{what:36}" + "".join(f"{rows[title][what]:>10,}" for title in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
