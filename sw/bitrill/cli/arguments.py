"""Arguments of every verb. An option has the name of the parameter in `bitrill.flow`."""

from __future__ import annotations

import argparse
import math
from argparse import ArgumentParser
from collections.abc import Callable

from ..engines import ENGINES
from ..train.recipes import ACTS, CHANNELS, DATASETS, RECIPES, WEIGHTS

STYLES = ("folded", "unrolled", "runtime", "streamed")
TRANSPORTS = ("uart", "pynq", "linux", "simulation")
# these repeat what `bitrill.flow` knows, whose import takes too long for --help


def whole(text: str) -> int:
    """Read an integer."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None


def number(text: str) -> float:
    """Read a finite number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be finite, not {text!r}")
    return value


def _acts(text: str) -> int | str:
    """Read bits, or the name of a coding of activations."""
    return text if text.startswith("log") else whole(text)


def _train(p: ArgumentParser) -> None:
    p.add_argument(
        "recipe",
        metavar="RECIPE",
        choices=RECIPES,
        help="tfc, sfc, lfc: three hidden layers of 64, 256, 1024 neurons; or convolutional:"
        f" {', '.join(CHANNELS)}",
    )
    p.add_argument("--out", required=True, metavar="DIR", help="for model.onnx and metrics.json")
    p.add_argument(
        "--weights",
        metavar="W",
        choices=WEIGHTS,
        help="binary, ternary, int4, int8; pot, pot2, pot3: sums of powers of two; codebook4:"
        " 4 shared values (2 to 16); ttq, fgq: ternary with trained scales; adder: no products",
    )
    p.add_argument(
        "--acts",
        type=_acts,
        metavar="A",
        choices=ACTS,
        help="activations: 1, 2, 4 or 8 bits, or log3: powers of two",
    )
    p.add_argument(
        "--prune", type=number, metavar="F", help="share of each layer's weights to make zero"
    )
    p.add_argument(
        "--width", type=whole, metavar="C", help="channels of the first convolutional layer"
    )
    p.add_argument("--dataset", default="digits", choices=DATASETS, help="what to train on")
    p.add_argument("--epochs", type=whole, metavar="N", help="the recipe's, if not given")
    p.add_argument("--seed", default=0, type=whole, metavar="S", help="of everything random")
    p.add_argument("--mean", type=number, metavar="M", help="subtracted from x; 0.5 if not given")
    p.add_argument("--std", type=number, metavar="D", help="divides x - M; 0.5 if not given")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in DIR")


def _model(p: ArgumentParser) -> None:
    p.add_argument("model", metavar="MODEL", help="a QONNX file")
    p.add_argument("--folding", metavar="FILE", help="JSON: {node: {pe, simd, style, memory}}")
    p.add_argument("--raw-input", metavar="TYPE", help="take raw integers, such as uint8")
    p.add_argument("--input-scale", metavar="S", help="the value of a raw 1, such as 1/255")
    p.add_argument("--top", type=whole, metavar="K", help="give the K best classes, not scores")


def _compile(p: ArgumentParser) -> None:
    _model(p)
    p.add_argument("--out", required=True, metavar="B", help="the build folder")
    p.add_argument(
        "--fps",
        type=number,
        metavar="F",
        help="frames a second to reach, with as few LUTs as possible",
    )
    p.add_argument(
        "--clock-mhz",
        type=number,
        metavar="C",
        help="clock for --fps, and for the depth of pipelines; 100 if not given",
    )
    p.add_argument(
        "--part",
        metavar="P",
        help="FPGA that the design must fit; without --fps, the fastest design that fits",
    )
    p.add_argument(
        "--board",
        metavar="BOARD",
        help="compile for a board's part and clock; without --fps, as fast as its link delivers"
        " frames, or as fast as fits",
    )
    _more_boards(p)
    p.add_argument(
        "--style",
        default="folded",
        choices=STYLES,
        help="structure of the matrices: folded; unrolled: constants in the logic, one vector a"
        " clock; runtime: weights and thresholds writable over AXI4-Lite; streamed: weights come"
        " over streams",
    )
    p.add_argument("--checkpoints", action="store_true", help="keep the graph after each pass")


def _build(p: ArgumentParser) -> None:
    p.add_argument("build", metavar="BUILD", help="the folder that compile left")


def _seed(p: ArgumentParser, default: int = 0, what: str = "of everything random") -> None:
    p.add_argument("--seed", default=default, type=whole, metavar="S", help=what)


def _run(p: ArgumentParser) -> None:
    _build(p)
    p.add_argument("--input", required=True, metavar="X.npy", help="floats or integers, [N, ..]")
    p.add_argument("--out", metavar="Y.npy", help="floats; the integers go to Y.int.npy")


def _verify(p: ArgumentParser) -> None:
    _build(p)
    p.add_argument("--engine", default="verilator", choices=ENGINES, help="the simulator")
    p.add_argument(
        "--data", default="random", metavar="DATA", help=f"{_NAMED}, random, or a .npy file"
    )
    p.add_argument("--samples", type=whole, metavar="N", help="all of the data, if not given")
    p.add_argument(
        "--stall",
        default=0.0,
        type=number,
        metavar="P",
        help="probability that source and sink pause in a cycle",
    )
    _seed(p)
    p.add_argument(
        "--weights",
        metavar="W.npz",
        help="other weights, or another build: written over AXI4-Lite, or streamed",
    )
    p.add_argument("--out", metavar="DIR", help="for verify.json; BUILD, if not given")


def _synth(p: ArgumentParser) -> None:
    _build(p)
    p.add_argument("--part", metavar="P", help="an xc7 part; xc7z020clg400-1 if not given")
    p.add_argument(
        "--check", default=0, type=whole, metavar="N", help="simulate the netlist on N samples"
    )
    _seed(p)
    p.add_argument("--out", metavar="DIR", help="for synth.json; BUILD, if not given")


def _boards(p: ArgumentParser) -> None:
    p.add_argument(
        "build", nargs="?", metavar="BUILD", help="a build: say for each board if it fits, how fast"
    )
    _more_boards(p)


def _more_boards(p: ArgumentParser) -> None:
    p.add_argument("--boards", metavar="DIR", help="a folder of more boards, one TOML file each")


def _on_board(p: ArgumentParser) -> None:
    p.add_argument("board", metavar="BOARD", help="its name (see bitrill boards)")
    _build(p)
    _more_boards(p)


def _board_build(p: ArgumentParser) -> None:
    _on_board(p)
    p.add_argument("--out", metavar="DIR", help="BUILD/boards/BOARD, if not given")
    p.add_argument("--toolchain", metavar="T", help="vivado, vivado-ps7, openxc7 or open")
    p.add_argument(
        "--clock-mhz", metavar="C", help="such as 100 or 200/3; the board's, if not given"
    )
    _seed(p, default=1, what="of placement")
    p.add_argument(
        "--data",
        default="random",
        metavar="DATA",
        help=f"frames to record for the self-test: {_NAMED}, random, or a .npy file",
    )
    p.add_argument("--samples", type=whole, metavar="N", help="frames to record; 1000 if not given")
    p.add_argument("--files-only", action="store_true", help="write the files, run no tool")


def _source(p: ArgumentParser) -> None:
    p.add_argument(
        "--source",
        "--from",
        metavar="DIR",
        help="the folder that build left; BUILD/boards/BOARD if not given",
    )


def _flash(p: ArgumentParser) -> None:
    _on_board(p)
    _source(p)
    p.add_argument("--xvc", metavar="HOST:PORT", help="a Xilinx Virtual Cable on another machine")
    p.add_argument("--cable", metavar="C", help="a cable's name in openFPGALoader")
    p.add_argument("--timeout", type=number, metavar="S", help="seconds without a sign of life")
    p.add_argument(
        "--self-test", action="store_true", help="then run the recorded frames, over --port"
    )
    p.add_argument("--port", metavar="P", help="the serial port of the self-test")


def _drive(p: ArgumentParser) -> None:
    _on_board(p)
    _source(p)
    p.add_argument("--port", metavar="P", help="the serial port, such as /dev/ttyUSB0")
    p.add_argument(
        "--transport",
        choices=TRANSPORTS,
        help="the board's own, if not given; simulation: the board's shell in Verilator",
    )
    p.add_argument(
        "--input", metavar="X.npy", help="floats or integers, [N, ..]; the recorded frames without"
    )
    p.add_argument("--out", metavar="Y.npy", help="floats; the integers go to Y.int.npy")
    p.add_argument("--self-test", action="store_true", help="run the recorded frames")
    p.add_argument("--weights", metavar="W.npz", help="other weights, written over AXI4-Lite first")
    p.add_argument("--samples", type=whole, metavar="N", help="use only the first N frames")


def _nothing(p: ArgumentParser) -> None:
    """Add no argument."""


_NAMED = ", ".join(DATASETS)

VERBS: dict[str, tuple[str, Callable[[ArgumentParser], None]]] = {
    "train": ("train a network with Brevitas and export it", _train),
    "inspect": ("print a model at each stage, or every reason why it is refused", _model),
    "compile": ("compile a model to Verilog", _compile),
    "run": ("run the golden model on an array", _run),
    "verify": ("simulate the Verilog and compare it with the golden model, bit for bit", _verify),
    "synth": ("count resources with Yosys", _synth),
    "boards": ("list the boards, and what a network reaches on each", _boards),
    "build": ("make the files and the bitstream of a board", _board_build),
    "flash": ("load a board's bitstream into the board", _flash),
    "drive": ("run frames on a board and compare them with the golden model", _drive),
    "doctor": ("show which tools are installed, and how to get the others", _nothing),
}
"""Verbs in the order of their use, each with what it does and its arguments."""
