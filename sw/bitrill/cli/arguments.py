"""Arguments of every verb, as tables. An option has the name of the parameter in `bitrill.flow`."""

from __future__ import annotations

import argparse
import math
from typing import Any, TypeAlias

from ..engines import ENGINES
from ..train.lut_recipe import LUTNET
from ..train.recipes import ACTS, CHANNELS, DATASETS, RECIPES, WEIGHTS

Argument: TypeAlias = tuple[tuple[str, ...], dict[str, Any]]
"""Names and options that `argparse.ArgumentParser.add_argument` is called with."""

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


def argument(*names: str, **options: Any) -> Argument:
    """Return an argument; parameters as for `argparse.ArgumentParser.add_argument`."""
    return names, options


_NAMED = ", ".join(DATASETS)

_BUILD = argument("build", metavar="BUILD", help="the folder that compile left")
_MORE_BOARDS = argument(
    "--boards", metavar="DIR", help="a folder of more boards, one TOML file each"
)
_SOURCE = argument(
    "--source",
    "--from",
    metavar="DIR",
    help="the folder that build left; BUILD/boards/BOARD if not given",
)
_JOBS = (
    argument("--jobs", default=1, type=whole, metavar="N", help="processes that share the work; 1"),
    argument(
        "--dask",
        metavar="ADDRESS",
        help="a dask scheduler whose workers share the work, such as tls://host:8786",
    ),
)
_SEED = argument("--seed", default=0, type=whole, metavar="S", help="of everything random")
_ON_BOARD = (
    argument("board", metavar="BOARD", help="its name (see bitrill boards)"),
    _BUILD,
    _MORE_BOARDS,
)
_TRAIN = (
    argument(
        "recipe",
        metavar="RECIPE",
        choices=(*RECIPES, LUTNET),
        help="tfc, sfc, lfc: three hidden layers of 64, 256, 1024 neurons; or convolutional:"
        f" {', '.join(CHANNELS)}; or {LUTNET}: tables of six bits, counted by class",
    ),
    argument("--out", required=True, metavar="DIR", help="for model.onnx and metrics.json"),
    argument(
        "--weights",
        metavar="W",
        choices=WEIGHTS,
        help="binary, ternary, int4, int8; pot, pot2, pot3: sums of powers of two; codebook4:"
        " 4 shared values (2 to 16); ttq, fgq: ternary with trained scales; adder: no products",
    ),
    argument(
        "--acts",
        type=_acts,
        metavar="A",
        choices=ACTS,
        help="activations: 1, 2, 4 or 8 bits, or log3: powers of two",
    ),
    argument(
        "--prune", type=number, metavar="F", help="share of each layer's weights to make zero"
    ),
    argument("--budget", type=whole, metavar="LUTS", help="for lutnet; 1000 if not given"),
    argument("--width", type=whole, metavar="C", help="channels of the first convolutional layer"),
    argument("--dataset", default="digits", choices=DATASETS, help="what to train on"),
    argument("--epochs", type=whole, metavar="N", help="the recipe's, if not given"),
    _SEED,
    argument("--mean", type=number, metavar="M", help="subtracted from x; 0.5 if not given"),
    argument("--std", type=number, metavar="D", help="divides x - M; 0.5 if not given"),
    argument("--resume", action="store_true", help="go on from the checkpoint in DIR"),
)
_NO_ADVICE = argument(
    "--no-advice", action="store_true", help="leave out what rules of the field would try next"
)
_COMPRESS = (
    argument("recipe", metavar="RECIPE.toml", help="data, network, hardware and steps"),
    argument("--out", required=True, metavar="DIR", help="for model.onnx, steps.json, checkpoints"),
    argument(
        "--redo",
        action="store_true",
        help="where the recipe has changed since DIR was begun, do the steps from there on again",
    ),
    _NO_ADVICE,
)
_FILE = (
    argument("model", metavar="MODEL", help="a QONNX file"),
    argument("--raw-input", metavar="TYPE", help="take raw integers, such as uint8"),
    argument(
        "--input-scale",
        metavar="S[,S..]",
        help="the value of a raw 1, such as 1/255, or one for each channel",
    ),
    argument(
        "--input-offset",
        metavar="O[,O..]",
        help="the value of a raw 0, such as --input-offset=-1/2; 0 if not given",
    ),
)
_CHECK = (
    *_FILE,
    argument("--inputs", required=True, metavar="X.npy", help="frames as the model takes them"),
    argument(
        "--outputs",
        required=True,
        metavar="Y.npy",
        help="what torch, ONNX Runtime or a board gave for them; Y.npz for several outputs",
    ),
)
_MODEL = (
    *_FILE,
    argument("--folding", metavar="FILE", help="JSON: {node: {pe, simd, style, memory}}"),
    argument("--top", type=whole, metavar="K", help="give the K best classes, not scores"),
)
_INSPECT = (*_MODEL, _NO_ADVICE)
_COMPILE = (
    *_MODEL,
    argument("--out", required=True, metavar="B", help="the build folder"),
    argument(
        "--like",
        metavar="BUILD",
        help="keep widths, codings and folding of an earlier build, of a network before it was"
        " trained again, say: its simulator serves this one, too",
    ),
    argument(
        "--fps",
        type=number,
        metavar="F",
        help="frames a second to reach, with as few LUTs as possible",
    ),
    argument(
        "--clock-mhz",
        type=number,
        metavar="C",
        help="clock for --fps, and for the depth of pipelines; 100 if not given",
    ),
    argument(
        "--part",
        metavar="P",
        help="FPGA that the design must fit; without --fps, the fastest design that fits; an"
        " xc7z020clg400-1 is assumed if none is named; portable: plain logic for any FPGA",
    ),
    argument(
        "--board",
        metavar="BOARD",
        help="compile for a board's part and clock; without --fps, as fast as its link delivers"
        " frames, or as fast as fits",
    ),
    _MORE_BOARDS,
    argument(
        "--style",
        default="folded",
        choices=STYLES,
        help="structure of the matrices: folded; unrolled: constants in the logic, one vector a"
        " clock; runtime: weights and thresholds writable over AXI4-Lite; streamed: weights come"
        " over streams",
    ),
    argument("--checkpoints", action="store_true", help="keep the graph after each pass"),
)
_RUN = (
    _BUILD,
    argument("--input", required=True, metavar="X.npy", help="floats or integers, [N, ..]"),
    argument("--out", metavar="Y.npy", help="outputs (several: Y.NAME.npy); integers: Y.int.npy"),
)
_TRACE = (
    _BUILD,
    argument("--input", required=True, metavar="X.npy", help="floats or integers, [N, ..]"),
    argument("--samples", type=whole, metavar="N", help="only the first N; all, if not given"),
    argument("--wave", metavar="FILE", help="the design's waves, simulated: FILE.vcd or FILE.fst"),
    argument("--out", metavar="DIR", help="for trace.npz; BUILD, if not given"),
)
_VERIFY = (
    _BUILD,
    argument("--engine", default="verilator", choices=ENGINES, help="the simulator"),
    argument("--data", default="random", metavar="DATA", help=f"{_NAMED}, random, or a .npy file"),
    argument("--samples", type=whole, metavar="N", help="all of the data, if not given"),
    argument(
        "--stall",
        default=0.0,
        type=number,
        metavar="P",
        help="probability that source and sink pause in a cycle",
    ),
    _SEED,
    argument(
        "--weights",
        metavar="W.npz",
        help="other weights, or another build: written over AXI4-Lite, or streamed",
    ),
    argument(
        "--by-layer",
        action="store_true",
        help="every layer alone on the golden model's integers, then the whole on a few samples",
    ),
    *_JOBS,
    argument("--out", metavar="DIR", help="for verify.json; BUILD, if not given"),
)
_SYNTH = (
    _BUILD,
    argument("--part", metavar="P", help="a part; if not given, one whose cells BUILD is made of"),
    argument(
        "--check", default=0, type=whole, metavar="N", help="simulate the netlist on N samples"
    ),
    _SEED,
    argument("--out", metavar="DIR", help="for synth.json; BUILD, if not given"),
)
_BOARDS = (
    argument(
        "build", nargs="?", metavar="BUILD", help="a build: say for each board if it fits, how fast"
    ),
    _MORE_BOARDS,
)
_BOARD_BUILD = (
    *_ON_BOARD,
    argument("--out", metavar="DIR", help="BUILD/boards/BOARD, if not given"),
    argument("--toolchain", metavar="T", help="vivado, vivado-ps7, openxc7 or open"),
    argument("--clock-mhz", metavar="C", help="such as 100 or 200/3; the board's, if not given"),
    argument("--seed", default=1, type=whole, metavar="S", help="of placement"),
    argument(
        "--data",
        default="random",
        metavar="DATA",
        help=f"frames to record for the self-test: {_NAMED}, random, or a .npy file",
    ),
    argument("--samples", type=whole, metavar="N", help="frames to record; 1000 if not given"),
    argument("--files-only", action="store_true", help="write the files, run no tool"),
)
_FLASH = (
    *_ON_BOARD,
    _SOURCE,
    argument("--xvc", metavar="HOST:PORT", help="a Xilinx Virtual Cable on another machine"),
    argument("--cable", metavar="C", help="a cable's name in openFPGALoader"),
    argument("--timeout", type=number, metavar="S", help="seconds without a sign of life"),
    argument("--self-test", action="store_true", help="then run the recorded frames, over --port"),
    argument("--port", metavar="P", help="the serial port of the self-test"),
)
_DRIVE = (
    *_ON_BOARD,
    _SOURCE,
    argument("--port", metavar="P", help="the serial port, such as /dev/ttyUSB0"),
    argument(
        "--transport",
        choices=TRANSPORTS,
        help="the board's own, if not given; simulation: the board's shell in Verilator",
    ),
    argument(
        "--input", metavar="X.npy", help="floats or integers, [N, ..]; the recorded frames without"
    ),
    argument("--out", metavar="Y.npy", help="outputs (several: Y.NAME.npy); integers: Y.int.npy"),
    argument("--self-test", action="store_true", help="run the recorded frames"),
    argument("--weights", metavar="W.npz", help="other weights, written over AXI4-Lite first"),
    argument("--samples", type=whole, metavar="N", help="use only the first N frames"),
)

JSON = argument("--json", action="store_true", help="print one JSON object")
"""An argument of all verbs."""

VERBS: dict[str, tuple[str, tuple[Argument, ...]]] = {
    "train": ("train a network and export it", _TRAIN),
    "compress": ("quantize, prune and shrink a torch module step by step", _COMPRESS),
    "check": ("compare a model file with outputs recorded elsewhere", _CHECK),
    "inspect": (
        "print a model at each stage, or every reason why it is refused",
        (*_MODEL, _NO_ADVICE),
    ),
    "compile": ("compile a model to Verilog", _COMPILE),
    "run": ("run the golden model on an array", _RUN),
    "trace": ("write what every edge of a network holds, and the design's waves", _TRACE),
    "verify": ("simulate the Verilog and compare it with the golden model, bit for bit", _VERIFY),
    "synth": ("count resources with Yosys", _SYNTH),
    "boards": ("list the boards, and what a network reaches on each", _BOARDS),
    "build": ("make the files and the bitstream of a board", _BOARD_BUILD),
    "flash": ("load a board's bitstream into the board", _FLASH),
    "drive": ("run frames on a board and compare them with the golden model", _DRIVE),
    "doctor": ("show which tools are installed, and how to get the others", ()),
}
"""Verbs in the order of their use, each with what it does and its arguments."""
