"""Writes the ``README.md`` of a board's folder, for a reader who may not know Bitrill."""

from collections.abc import Iterable
from fractions import Fraction

from bitrill.ir.types import Tensor

from .project import STEM, Project, Toolchain
from .roofline import result

_KNOWN = {
    "board.json": "what this folder was built for: board, network, registers, hashes of all files",
    "network.json": "the network's input and output: how images become frames, and frames scores",
    "vectors.npz": "recorded frames (`inputs`) and the right results (`outputs`)",
    "top.v": "the network, module `top`, AXI4-Stream in and out",
}


def readme(project: Project, chain: Toolchain, files: Iterable[str]) -> str:
    """Return the README: the part for all boards, and the toolchain's own."""
    board = project.board
    rate = Fraction(project.clock_hz) / project.predicted.ii
    parts = [
        f"# {project.graph.name} for {board.title}",
        "Written by `bitrill build`. Nothing here needs Bitrill itself; `bitrill flash` and\n"
        "`bitrill drive` make it convenient.",
        "\n".join(
            [
                f"- part: {board.part}, toolchain: `{project.toolchain}`",
                f"- the network's clock: {float(project.clock_mhz):g} MHz; a frame every"
                f" {project.predicted.ii} cycles at best: {float(rate):,.0f} a second",
                f"- what was done with this board: {board.status}",
                f"- a frame in: {_edge(project.graph.source.tensor, board.zynq)}",
                f"- a frame out: {_edge(result(project.graph), board.zynq)}",
            ]
        ),
        "## What is here\n\n" + _table(project, files),
        chain.readme(project).strip(),
        "## Load and try\n\n" + (_axi(project) if board.zynq else _uart(project)),
        "The self-test sends every recorded frame through the hardware and compares every bit of"
        " the\nresults. Run it after every load: tools have been seen to write wrong bitstreams"
        " of designs that\nsimulate correctly.",
    ]
    return "\n\n".join(parts) + "\n"


def _edge(t: Tensor, words: bool) -> str:
    each, whole = t.type.bits, -(-t.size * t.type.bits // 8)
    padded = f"; in memory {-(-whole // 8)} words of 8 bytes" if words else ""
    unit = "bit" if each == 1 else "bits"
    return f"{t.size} values of {each} {unit}, dense, low bits first: {whole} bytes{padded}"


def _table(project: Project, files: Iterable[str]) -> str:
    rows = [f"| `{name}` | {what} |" for name, what in _KNOWN.items()]
    rows.append("| `bitrill_driver/` | the host's side in Python: needs only numpy |")
    rows.append(
        "| `bitrill_c/` | the host's side in C99, for this network: a header and a source |"
    )
    others = sorted(n for n in files if n not in _KNOWN and "/" not in n and n != "README.md")
    rows += [f"| `{name}` | for the toolchain |" for name in others]
    rows.append(f"| `{STEM}.*` | the bitstream and what belongs to it, if the tools have run |")
    return "\n".join(["| file | what it is |", "| --- | --- |", *rows])


def _uart(project: Project) -> str:
    board = project.board
    return f"""Load the bitstream, and run the recorded frames through the board
({board.baud:,} baud, 8 data bits, no parity, one stop bit; your port may have another name):

```sh
bitrill flash {board.name} BUILD --self-test --port /dev/ttyUSB0
bitrill drive {board.name} BUILD --port /dev/ttyUSB0 --input images.npy --out scores.npy
```

or, if only numpy and pyserial are installed:

```sh
python3 -m bitrill_driver . --port /dev/ttyUSB0 --self-test
```"""


def _axi(project: Project) -> str:
    return f"""Over JTAG, from the computer with Bitrill (the board's Linux or its boot loader must
have started the processor before):

```sh
bitrill flash {project.board.name} BUILD
```

or without that computer: copy this folder onto the board. There, in this folder, as root, with
PYNQ or only numpy:

```sh
python3 -m bitrill_driver . --self-test           # PYNQ loads the bitstream by itself
python3 -m bitrill_driver . --self-test --load    # bare Linux: the kernel's FPGA manager does
python3 -m bitrill_driver . --self-test --loaded  # the bitstream was loaded over JTAG
python3 -m bitrill_driver . --input images.npy --out scores.npy
```"""
