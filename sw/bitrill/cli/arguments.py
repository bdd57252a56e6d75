"""Arguments of all verbs, as tables. An option is named like the parameter in `bitrill.flow`."""

from __future__ import annotations

from ..engines import ENGINES
from .argument_readers import (
    BUILD,
    JOBS,
    MORE_BOARDS,
    NAMED,
    NO_ADVICE,
    SEED,
    Argument,
    argument,
    number,
    whole,
)
from .board_arguments import BOARD_BUILD, BOARDS, DRIVE, EXPORT_IP, FLASH
from .network_arguments import COMPRESS, SEARCH, TRAIN

STYLES = ("folded", "unrolled", "runtime", "streamed")
# this repeats a list of `bitrill.flow`, which takes too long to import for --help


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
    NO_ADVICE,
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
    MORE_BOARDS,
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
    BUILD,
    argument("--input", required=True, metavar="X.npy", help="floats or integers, [N, ..]"),
    argument("--out", metavar="Y.npy", help="outputs (several: Y.NAME.npy); integers: Y.int.npy"),
)
_TRACE = (
    BUILD,
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
    BUILD,
    argument("--engine", default="verilator", choices=ENGINES, help="the simulator"),
    argument("--data", default="random", metavar="DATA", help=f"{NAMED}, random, or a .npy file"),
    argument("--samples", type=whole, metavar="N", help="number of samples; default: all"),
    argument(
        "--stall",
        default=0.0,
        type=number,
        metavar="P",
        help="probability that source and sink pause in a cycle",
    ),
    SEED,
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
    *JOBS,
    argument("--out", metavar="DIR", help="folder of verify.json; default: BUILD"),
)
_SYNTH = (
    BUILD,
    argument("--part", metavar="P", help="the part; default: one whose cells BUILD uses"),
    argument(
        "--check", default=0, type=whole, metavar="N", help="simulate the netlist on N samples"
    ),
    SEED,
    argument("--out", metavar="DIR", help="folder of synth.json; default: BUILD"),
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
    argument("--data", metavar="DATA", help=f"labelled frames to classify: {NAMED}"),
    argument("--samples", type=whole, metavar="N", help="only the first N frames; default: all"),
    argument(
        "--activity", metavar="FILE", help="SAIF file of trace --wave, for the energy estimate"
    ),
    argument(
        "--clock-mhz", default=100.0, type=number, metavar="C", help="clock of rates; default: 100"
    ),
    MORE_BOARDS,
    argument("--out", metavar="FILE", help="the HTML file; default: BUILD/report.html"),
)

JSON = argument("--json", action="store_true", help="print one JSON object")
"""Argument of all verbs."""

VERBS: dict[str, tuple[str, tuple[Argument, ...]]] = {
    "train": ("train a network and export it", TRAIN),
    "compress": ("quantize, prune and shrink a torch module step by step", COMPRESS),
    "search": ("find the best networks of a space, by accuracy and by hardware", SEARCH),
    "check": ("compare a model file with outputs recorded elsewhere", _CHECK),
    "inspect": ("print a model at each stage, or every reason why it is refused", _INSPECT),
    "compile": ("compile a model to Verilog", _COMPILE),
    "run": ("run the golden model on an array", _RUN),
    "trace": ("write the integers on every edge of a network, and the design's waves", _TRACE),
    "verify": ("simulate the Verilog and compare it with the golden model, bit for bit", _VERIFY),
    "synth": ("count resources with Yosys", _SYNTH),
    "report": ("write a page that shows a build or a search", _REPORT),
    "boards": ("list the boards, and how fast a network runs on each", BOARDS),
    "build": ("make the files and the bitstream of a board", BOARD_BUILD),
    "flash": ("load the bitstream into a board", FLASH),
    "drive": ("run frames on a board and compare them with the golden model", DRIVE),
    "export-ip": ("write the network as a core for a design of your own", EXPORT_IP),
    "make": ("run the verbs of a project, from training to a board", _MAKE),
    "zoo": ("list trained networks that are there as zoo:NAME", ()),
    "doctor": ("show which tools are installed, and how to get the others", _DOCTOR),
}
"""Verbs in the order of their use, each with its help text and its arguments."""
