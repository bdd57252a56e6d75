"""Arguments of all verbs, as tables. An option is named like the parameter in `bitrill.flow`."""

from __future__ import annotations

import argparse
import math
from typing import Any, TypeAlias

from ..engines import ENGINES
from ..tracking import TRACKERS
from ..train.lut_recipe import LUTNET
from ..train.precise_recipe import PRECISION
from ..train.recipes import ACTS, CHANNELS, RECIPES, WEIGHTS
from ..train.run_options import DATASETS, DRAWN

Argument: TypeAlias = tuple[tuple[str, ...], dict[str, Any]]
"""Names and options for `argparse.ArgumentParser.add_argument`."""

STYLES = ("folded", "unrolled", "runtime", "streamed")
TRANSPORTS = ("uart", "pynq", "linux", "simulation")
# these repeat lists of `bitrill.flow`, which takes too long to import for --help


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


_NAMED = ", ".join((*DATASETS, *DRAWN))

_BUILD = argument("build", metavar="BUILD", help="the folder that compile wrote")
_MORE_BOARDS = argument(
    "--boards", metavar="DIR", help="a folder of additional boards, one TOML file each"
)
_SOURCE = argument(
    "--source",
    "--from",
    metavar="DIR",
    help="the folder that build wrote; default: BUILD/boards/BOARD",
)
_JOBS = (
    argument(
        "--jobs",
        default=1,
        type=whole,
        metavar="N",
        help="processes that share the work; default: 1",
    ),
    argument(
        "--dask",
        metavar="ADDRESS",
        help="a dask scheduler whose workers share the work, such as tls://host:8786",
    ),
)
_SEED = argument("--seed", default=0, type=whole, metavar="S", help="seed of everything random")
_ON_BOARD = (
    argument("board", metavar="BOARD", help="the board's name (see bitrill boards)"),
    _BUILD,
    _MORE_BOARDS,
)
_TRACK = argument(
    "--track", choices=tuple(TRACKERS), help="tell an experiment tracker what is reached"
)
_TRAIN = (
    argument(
        "recipe",
        metavar="RECIPE",
        choices=(*RECIPES, LUTNET, PRECISION),
        help="tfc, sfc, lfc: three hidden layers of 64, 256, 1024 neurons; or convolutional:"
        f" {', '.join(CHANNELS)}; or {LUTNET}: tables of six bits, counted by class;"
        f" or {PRECISION}: matrices that learn their widths",
    ),
    argument("--out", required=True, metavar="DIR", help="folder of model.onnx and metrics.json"),
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
        "--prune", type=number, metavar="F", help="share of each layer's weights to set to zero"
    ),
    argument("--budget", type=whole, metavar="LUTS", help="for lutnet (1000) and precision (3000)"),
    argument("--width", type=whole, metavar="C", help="channels of the first convolutional layer"),
    argument("--dataset", default="digits", choices=DATASETS, help="the training data"),
    argument("--epochs", type=whole, metavar="N", help="training epochs; default: the recipe's"),
    _SEED,
    argument("--mean", type=number, metavar="M", help="subtracted from x; 0.5 if not given"),
    argument("--std", type=number, metavar="D", help="divides x - M; 0.5 if not given"),
    argument("--resume", action="store_true", help="go on from the checkpoint in DIR"),
    _TRACK,
)
_NO_ADVICE = argument("--no-advice", action="store_true", help="do not suggest what to try next")
_COMPRESS = (
    argument(
        "recipe", metavar="RECIPE.toml", help="data, network, hardware and steps; or zoo:NAME"
    ),
    argument(
        "--out", required=True, metavar="DIR", help="folder of model.onnx, steps.json, checkpoints"
    ),
    argument(
        "--redo",
        action="store_true",
        help="if the recipe has changed, repeat the steps in DIR from the first changed one on",
    ),
    _NO_ADVICE,
    _TRACK,
)
_SEARCH = (
    argument(
        "space",
        nargs="?",
        metavar="SPACE.toml",
        help="keys of a recipe, and the values they may have",
    ),
    argument("--trials", type=whole, metavar="N", help="trials in all; default: the space's, 50"),
    *_JOBS,
    argument(
        "--out", metavar="DIR", help="folder of front.json and each trial; default: named as SPACE"
    ),
    argument("--seed", type=whole, metavar="S", help="seed of what is drawn; default: the space's"),
    argument(
        "--show",
        metavar="DIR",
        help="show how the search in DIR stands, on a terminal until it is done",
    ),
    _TRACK,
)
_FILE = (
    argument("model", metavar="MODEL", help="a QONNX file, or zoo:NAME (see bitrill zoo)"),
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
    argument("--inputs", required=True, metavar="X.npy", help="inputs of the model, [N, ..]"),
    argument(
        "--outputs",
        required=True,
        metavar="Y.npy",
        help="outputs of torch, ONNX Runtime or a board for them; Y.npz for several outputs",
    ),
)
_MODEL = (
    *_FILE,
    argument("--folding", metavar="FILE", help="JSON: {node: {pe, simd, style, memory}}"),
    argument("--top", type=whole, metavar="K", help="output the K best classes, not scores"),
)
_INSPECT = (
    *_MODEL,
    _NO_ADVICE,
    argument(
        "--graph", metavar="FILE", help="draw the folded graph: FILE.svg or FILE.mmd (Mermaid)"
    ),
    argument("--netron", action="store_true", help="show the model in netron, a browser's page"),
)
_COMPILE = (
    *_MODEL,
    argument("--out", required=True, metavar="B", help="the build folder"),
    argument(
        "--like",
        metavar="BUILD",
        help="keep widths, codings and folding of an earlier build, for example after retraining:"
        " its simulator serves this build, too",
    ),
    argument(
        "--fps",
        type=number,
        metavar="F",
        help="frames per second to reach, with as few LUTs as possible",
    ),
    argument(
        "--clock-mhz",
        type=number,
        metavar="C",
        help="clock for --fps, and for the depth of pipelines; default: 100",
    ),
    argument(
        "--part",
        metavar="P",
        help="FPGA that the design must fit; without --fps, the fastest design that fits; default:"
        " an xc7z020clg400-1 is assumed; portable: plain logic for any FPGA",
    ),
    argument(
        "--board",
        metavar="BOARD",
        help="compile for a board's part and clock; without --fps, as fast as the board's link"
        " delivers frames, or as fast as fits",
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
    argument("--samples", type=whole, metavar="N", help="only the first N; default: all"),
    argument(
        "--wave",
        metavar="FILE",
        help="simulate the design, waves to FILE.vcd or FILE.fst, or switching to FILE.saif",
    ),
    argument("--out", metavar="DIR", help="folder of trace.npz; default: BUILD"),
)
_VERIFY = (
    _BUILD,
    argument("--engine", default="verilator", choices=ENGINES, help="the simulator"),
    argument("--data", default="random", metavar="DATA", help=f"{_NAMED}, random, or a .npy file"),
    argument("--samples", type=whole, metavar="N", help="number of samples; default: all"),
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
        help="other weights, or another build with them: written over AXI4-Lite, or streamed",
    ),
    argument(
        "--by-layer",
        action="store_true",
        help="simulate every layer by itself on the golden model's integers, then the whole design"
        " on a few samples",
    ),
    *_JOBS,
    argument("--out", metavar="DIR", help="folder of verify.json; default: BUILD"),
)
_SYNTH = (
    _BUILD,
    argument("--part", metavar="P", help="the part; default: one whose cells BUILD uses"),
    argument(
        "--check", default=0, type=whole, metavar="N", help="simulate the netlist on N samples"
    ),
    _SEED,
    argument("--out", metavar="DIR", help="folder of synth.json; default: BUILD"),
)
_BOARDS = (
    argument("build", nargs="?", metavar="BUILD", help="a build: state for each board if it fits"),
    _MORE_BOARDS,
)
_BOARD_BUILD = (
    *_ON_BOARD,
    argument("--out", metavar="DIR", help="default: BUILD/boards/BOARD"),
    argument("--toolchain", metavar="T", help="vivado, vivado-ps7, openxc7 or open"),
    argument("--clock-mhz", metavar="C", help="such as 100 or 200/3; default: the board's"),
    argument("--seed", default=1, type=whole, metavar="S", help="of placement"),
    argument(
        "--data",
        default="random",
        metavar="DATA",
        help=f"frames to record for the self-test: {_NAMED}, random, or a .npy file",
    ),
    argument("--samples", type=whole, metavar="N", help="frames to record; default: 1000"),
    argument("--counters", action="store_true", help="count what each layer does, on a Zynq"),
    argument("--files-only", action="store_true", help="write the files, but run no tool"),
)
_FLASH = (
    *_ON_BOARD,
    _SOURCE,
    argument("--xvc", metavar="HOST:PORT", help="a Xilinx Virtual Cable on another machine"),
    argument("--cable", metavar="C", help="a cable's name in openFPGALoader"),
    argument(
        "--timeout",
        type=number,
        metavar="S",
        help="seconds without output after which it is stopped",
    ),
    argument("--self-test", action="store_true", help="afterwards run the recorded frames"),
    argument("--port", metavar="P", help="the serial port of the self-test"),
)
_DRIVE = (
    *_ON_BOARD,
    _SOURCE,
    argument("--port", metavar="P", help="the serial port, such as /dev/ttyUSB0"),
    argument(
        "--transport",
        choices=TRANSPORTS,
        help="default: the board's; simulation: the board's shell in Verilator",
    ),
    argument(
        "--input", metavar="X.npy", help="floats or integers, [N, ..]; default: recorded frames"
    ),
    argument("--out", metavar="Y.npy", help="outputs (several: Y.NAME.npy); integers: Y.int.npy"),
    argument("--self-test", action="store_true", help="run the recorded frames"),
    argument("--weights", metavar="W.npz", help="other weights, written over AXI4-Lite first"),
    argument("--samples", type=whole, metavar="N", help="use only the first N frames"),
)

_EXPORT_IP = (
    _BUILD,
    argument(
        "--name", metavar="N", help="of the core and of all its modules; default: the network's"
    ),
    argument("--out", metavar="DIR", help="default: BUILD/ip/N"),
    argument(
        "--stream-bits",
        type=whole,
        metavar="W",
        help="bits of a beat on both sides, such as 32; default: the network's own beats",
    ),
    argument(
        "--control",
        action="store_true",
        help="AXI4-Lite registers: identity, counters of frames, cycles and waits at both edges",
    ),
    argument("--counters", action="store_true", help="those registers, and counters of each layer"),
    argument(
        "--samples", default=16, type=whole, metavar="N", help="recorded frames of the testbench"
    ),
    _SEED,
)
_MAKE = (argument("project", metavar="PROJECT.toml", help="a model or a recipe, and verbs to run"),)
_DOCTOR = (
    argument("verbs", nargs="*", metavar="VERB", help="verbs whose tools must be there"),
    argument(
        "--prepare", action="store_true", help="do what the first runs of Yosys and nextpnr would"
    ),
)
_REPORT = (
    argument("source", metavar="BUILD", help="the folder of a build or of a search"),
    argument("--diff", metavar="OLD", help="an earlier build: show what has changed since"),
    argument("--data", metavar="DATA", help=f"labelled frames to classify: {_NAMED}"),
    argument("--samples", type=whole, metavar="N", help="only the first N frames; default: all"),
    argument(
        "--activity", metavar="FILE", help="SAIF file of trace --wave, for the energy estimate"
    ),
    argument(
        "--clock-mhz", default=100.0, type=number, metavar="C", help="clock of rates; default: 100"
    ),
    _MORE_BOARDS,
    argument("--out", metavar="FILE", help="the HTML file; default: BUILD/report.html"),
)

JSON = argument("--json", action="store_true", help="print one JSON object")
"""Argument of all verbs."""

VERBS: dict[str, tuple[str, tuple[Argument, ...]]] = {
    "train": ("train a network and export it", _TRAIN),
    "compress": ("quantize, prune and shrink a torch module step by step", _COMPRESS),
    "search": ("find the best networks of a space, by accuracy and by hardware", _SEARCH),
    "check": ("compare a model file with outputs recorded elsewhere", _CHECK),
    "inspect": ("print a model at each stage, or every reason why it is refused", _INSPECT),
    "compile": ("compile a model to Verilog", _COMPILE),
    "run": ("run the golden model on an array", _RUN),
    "trace": ("write the integers on every edge of a network, and the design's waves", _TRACE),
    "verify": ("simulate the Verilog and compare it with the golden model, bit for bit", _VERIFY),
    "synth": ("count resources with Yosys", _SYNTH),
    "report": ("write a page that shows a build or a search", _REPORT),
    "boards": ("list the boards, and how fast a network runs on each", _BOARDS),
    "build": ("make the files and the bitstream of a board", _BOARD_BUILD),
    "flash": ("load the bitstream into a board", _FLASH),
    "drive": ("run frames on a board and compare them with the golden model", _DRIVE),
    "export-ip": ("write the network as a core for a design of your own", _EXPORT_IP),
    "make": ("run the verbs of a project, from training to a board", _MAKE),
    "zoo": ("list trained networks that are there as zoo:NAME", ()),
    "doctor": ("show which tools are installed, and how to get the others", _DOCTOR),
}
"""Verbs in the order of their use, each with its help text and its arguments."""
