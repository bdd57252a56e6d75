"""Arguments of every verb; a wrong one is named together with the nearest right one."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import __version__
from ..engines import ENGINES
from ..errors import SpecError


class Parser(argparse.ArgumentParser):
    """An `argparse` parser that raises `SpecError` and says what was probably meant."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise SpecError(f"{message} (see {self.prog} --help)")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = [] if action.choices is None else list(map(str, action.choices))
        if choices and str(value) not in choices:
            name = "/".join(action.option_strings) or str(action.metavar)
            raise SpecError(
                f"{name} must be one of {', '.join(choices)}, not {value!r}{meant(value, choices)}"
            )


def meant(value: Any, known: Sequence[str]) -> str:
    """``"; did you mean 'x'?"``, or nothing where no name is near."""
    near = difflib.get_close_matches(str(value), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def whole(text: str) -> int:
    """An integer argument."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None


def number(text: str) -> float:
    """A finite number as an argument."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None
    if value - value != 0:
        raise argparse.ArgumentTypeError(f"must be finite, not {text!r}")
    return value


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of one command; raises `SpecError` for wrong usage."""
    parser, verbs = _parser()
    options, unknown = parser.parse_known_args(arguments)
    if options.verb is None:
        parser.error(f"a verb must be given: one of {', '.join(verbs)}")
    if unknown:
        known = list(verbs[options.verb]._option_string_actions)
        what = "option" if unknown[0].startswith("-") else "argument"
        raise SpecError(
            f"unknown {what} {unknown[0]!r}{meant(unknown[0].partition('=')[0], known)}"
            f" (see bitrill {options.verb} --help)"
        )
    return options


def _parser() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(
        prog="bitrill",
        description="Few-bit neural networks to streaming FPGA hardware, bit-exact.",
        epilog="Exit codes: 0 done, 1 a mismatch or a refused model, 2 wrong usage, 3 a tool is"
        " missing, 4 a step failed, 5 timing not met, 6 does not fit, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"bitrill {__version__}")
    sub = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    verbs: dict[str, Parser] = {}
    for add in (
        _train,
        _inspect,
        _compile,
        _run,
        _verify,
        _synth,
        _boards,
        _board_build,
        _flash,
        _drive,
        _doctor,
    ):
        verb: Parser = add(sub)
        verb.add_argument("--json", action="store_true", help="print one JSON object")
        verbs[verb.prog.rpartition(" ")[2]] = verb
    return parser, verbs


_DENSE = ("tfc", "sfc", "lfc")
_CONVOLUTIONAL = ("lenet", "cnv", "resnet8", "mobilenet", "unet-tiny", "dilated1d")
_WEIGHTS = (
    "binary",
    "ternary",
    "int4",
    "int8",
    "pot",
    "pot2",
    "pot3",
    "ttq",
    "fgq",
    "adder",
    *(f"codebook{n}" for n in range(2, 17)),
)


def _acts(text: str) -> int | str:
    """Bits, or the name of a coding of activations."""
    return text if text.startswith("log") else whole(text)


def _train(sub: Any) -> Parser:
    p = sub.add_parser("train", help="train a network with Brevitas and export it")
    p.add_argument(
        "recipe",
        metavar="RECIPE",
        choices=(*_DENSE, *_CONVOLUTIONAL),
        help="tfc, sfc, lfc: three hidden layers of 64, 256, 1024; or convolutional:"
        f" {', '.join(_CONVOLUTIONAL)}",
    )
    p.add_argument("--out", required=True, metavar="DIR", help="for model.onnx and metrics.json")
    p.add_argument(
        "--weights",
        metavar="W",
        choices=_WEIGHTS,
        help="binary, ternary, int4, int8; pot, pot2, pot3: sums of powers of two; codebook4:"
        " shared values, 2 to 16; ttq, fgq: ternary with trained scales; adder: no products",
    )
    p.add_argument(
        "--acts",
        type=_acts,
        metavar="A",
        choices=(1, 2, 4, 8, "log3"),
        help="bits of activations, 1, 2, 4, 8, or log3: powers of two",
    )
    p.add_argument(
        "--prune", type=number, metavar="F", help="share of each layer's weights to be zero"
    )
    p.add_argument(
        "--width", type=whole, metavar="C", help="channels of the first convolutional layer"
    )
    p.add_argument("--dataset", default="digits", choices=("digits", "mnist", "fashion", "cifar10"))
    p.add_argument("--epochs", type=whole, metavar="N")
    p.add_argument("--seed", default=0, type=whole, metavar="S")
    p.add_argument("--mean", type=number, metavar="M", help="taken from x; 0.5 if not given")
    p.add_argument("--std", type=number, metavar="D", help="x is divided by it; 0.5 if not given")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in DIR")
    return p


def _model(p: Parser) -> None:
    p.add_argument("model", metavar="MODEL", help="a QONNX file")
    p.add_argument("--folding", metavar="FILE", help="JSON: {node: {pe, simd, style, memory}}")
    p.add_argument("--raw-input", metavar="TYPE", help="take raw integers, uint8 say")
    p.add_argument("--input-scale", metavar="S", help="what a raw 1 stands for, 1/255 say")
    p.add_argument("--top", type=whole, metavar="K", help="give the K best classes, not scores")


def _inspect(sub: Any) -> Parser:
    p = sub.add_parser("inspect", help="print a model at each stage, or why it is refused")
    _model(p)
    return p


def _compile(sub: Any) -> Parser:
    p = sub.add_parser("compile", help="a model to Verilog")
    _model(p)
    p.add_argument("--out", required=True, metavar="B", help="the build folder")
    p.add_argument("--fps", type=number, metavar="F", help="frames a second, with fewest LUTs")
    p.add_argument(
        "--clock-mhz",
        type=number,
        metavar="C",
        help="for the rate, and how deep pipelines are; 100 if not given",
    )
    p.add_argument("--part", metavar="P", help="what to fit in; without --fps, as fast as it holds")
    p.add_argument(
        "--board",
        metavar="BOARD",
        help="its part and clock; without --fps, as fast as frames come to it and it holds",
    )
    p.add_argument("--boards", metavar="DIR", help="a folder of more boards, one TOML each")
    p.add_argument(
        "--style",
        default="folded",
        choices=("folded", "unrolled", "runtime", "streamed"),
        help="unrolled: the matrices in the logic, one vector a clock; runtime: weights and"
        " thresholds writable over AXI-Lite; streamed: weights over streams",
    )
    p.add_argument("--checkpoints", action="store_true", help="keep the graph after each pass")
    return p


def _build(p: Parser) -> None:
    p.add_argument("build", metavar="BUILD", help="the folder that compile left")


def _run(sub: Any) -> Parser:
    p = sub.add_parser("run", help="the golden model on an array")
    _build(p)
    p.add_argument("--input", required=True, metavar="X.npy", help="floats or integers, [N, ..]")
    p.add_argument("--out", metavar="Y.npy", help="floats; the integers go to Y.int.npy")
    return p


def _verify(sub: Any) -> Parser:
    p = sub.add_parser("verify", help="simulate the Verilog against the golden model, bit for bit")
    _build(p)
    p.add_argument("--engine", default="verilator", choices=ENGINES)
    p.add_argument(
        "--data",
        default="random",
        metavar="DATA",
        help="digits, mnist, fashion, cifar10, random, or a .npy file",
    )
    p.add_argument("--samples", type=whole, metavar="N", help="all of the data, if not given")
    p.add_argument(
        "--stall",
        default=0.0,
        type=number,
        metavar="P",
        help="probability that source and sink pause on a cycle",
    )
    p.add_argument("--seed", default=0, type=whole, metavar="S")
    p.add_argument(
        "--weights",
        metavar="W.npz",
        help="other weights, written over AXI-Lite or streamed; or another build",
    )
    p.add_argument("--out", metavar="DIR", help="for verify.json; BUILD, if not given")
    return p


def _synth(sub: Any) -> Parser:
    p = sub.add_parser("synth", help="resources by Yosys")
    _build(p)
    p.add_argument("--part", metavar="P", help="an xc7 part; xc7z020clg400-1 if not given")
    p.add_argument(
        "--check", default=0, type=whole, metavar="N", help="simulate the netlist on N samples"
    )
    p.add_argument("--seed", default=0, type=whole, metavar="S")
    p.add_argument("--out", metavar="DIR", help="for synth.json; BUILD, if not given")
    return p


def _boards(sub: Any) -> Parser:
    p = sub.add_parser("boards", help="list the boards, and what each can do with a network")
    p.add_argument("build", nargs="?", metavar="BUILD", help="a build: fit and rates on each board")
    p.add_argument("--boards", metavar="DIR", help="a folder of more boards, one TOML each")
    return p


def _on_board(p: Parser) -> None:
    p.add_argument("board", metavar="BOARD", help="its name (see bitrill boards)")
    _build(p)
    p.add_argument("--boards", metavar="DIR", help="a folder of more boards, one TOML each")


def _board_build(sub: Any) -> Parser:
    p = sub.add_parser("build", help="files and bitstream of a board")
    _on_board(p)
    p.add_argument("--out", metavar="DIR", help="BUILD/boards/BOARD, if not given")
    p.add_argument("--toolchain", metavar="T", help="vivado, vivado-ps7, openxc7 or open")
    p.add_argument("--clock-mhz", metavar="C", help="100, or 200/3; the board's, if not given")
    p.add_argument("--seed", default=1, type=whole, metavar="S", help="of placement")
    p.add_argument(
        "--data",
        default="random",
        metavar="DATA",
        help="what to record for the self-test: digits, mnist, fashion, cifar10, random, or a"
        " .npy file",
    )
    p.add_argument("--samples", type=whole, metavar="N", help="frames to record; 1000 if not given")
    p.add_argument("--files-only", action="store_true", help="write the files, run no tool")
    return p


def _from(p: Parser) -> None:
    p.add_argument(
        "--from",
        dest="source",
        metavar="DIR",
        help="what build left; BUILD/boards/BOARD if not given",
    )


def _flash(sub: Any) -> Parser:
    p = sub.add_parser("flash", help="load a board's bitstream")
    _on_board(p)
    _from(p)
    p.add_argument("--xvc", metavar="HOST:PORT", help="a cable elsewhere: a Xilinx Virtual Cable")
    p.add_argument("--cable", metavar="C", help="one of openFPGALoader's cables")
    p.add_argument("--timeout", type=number, metavar="S", help="seconds without a sign of life")
    p.add_argument("--self-test", action="store_true", help="then the recorded frames, by --port")
    p.add_argument("--port", metavar="P", help="the serial port of the self-test")
    return p


def _drive(sub: Any) -> Parser:
    p = sub.add_parser("drive", help="frames through a board, compared with the golden model")
    _on_board(p)
    _from(p)
    p.add_argument("--port", metavar="P", help="the serial port, /dev/ttyUSB0 say")
    p.add_argument(
        "--transport",
        choices=("uart", "pynq", "linux", "simulation"),
        help="by the board, if not given; simulation: the board's shell in Verilator",
    )
    p.add_argument("--input", metavar="X.npy", help="floats or integers, [N, ..]")
    p.add_argument("--out", metavar="Y.npy", help="floats; the integers go to Y.int.npy")
    p.add_argument(
        "--self-test", action="store_true", help="the recorded frames; so too without --input"
    )
    p.add_argument("--weights", metavar="W.npz", help="other weights, written over AXI before")
    p.add_argument("--samples", type=whole, metavar="N", help="the first so many")
    return p


def _doctor(sub: Any) -> Parser:
    return sub.add_parser("doctor", help="which tools are there, and how to get the others")
