"""Wrong usage of the command line, help and version."""

from __future__ import annotations

import pytest
from bitrill.cli import parser
from cli.conftest import Run

VERBS = (
    "train, compress, search, check, inspect, compile, run, trace, verify, synth, report,"
    " boards, build, flash, drive, export-ip, make, zoo, doctor"
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], f"a verb must be given: one of {VERBS} (see bitrill --help)"),
        (["trian"], f"VERB must be one of {VERBS}, not 'trian'; did you mean 'train'?"),
        (["xyzzy"], f"VERB must be one of {VERBS}, not 'xyzzy'"),
        (
            ["compile", "m", "--out", "b", "--foldin", "f"],
            "unknown option '--foldin'; did you mean '--folding'? (see bitrill compile --help)",
        ),
        (
            ["compile", "m", "--out", "b", "--fold=f"],
            "unknown option '--fold=f'; did you mean '--folding'? (see bitrill compile --help)",
        ),
        (["boards", "b", "now"], "unknown argument 'now' (see bitrill boards --help)"),
        (
            ["compile", "m"],
            "the following arguments are required: --out (see bitrill compile --help)",
        ),
        (
            ["compile", "m", "--out", "b", "--style", "x"],
            "--style must be one of folded, unrolled, runtime, streamed, not 'x'",
        ),
        (
            ["compile", "m", "--out", "b", "--top", "many"],
            "argument --top: must be a whole number, not 'many' (see bitrill compile --help)",
        ),
        (
            ["compile", "m", "--out", "b", "--clock-mhz", "fast"],
            "argument --clock-mhz: must be a number, not 'fast' (see bitrill compile --help)",
        ),
        (
            ["compile", "m", "--out", "b", "--clock-mhz", "nan"],
            "argument --clock-mhz: must be finite, not 'nan' (see bitrill compile --help)",
        ),
        (
            ["train", "tfx", "--out", "o"],
            "RECIPE must be one of tfc, sfc, lfc, lenet, cnv, resnet8, mobilenet,"
            " unet-tiny, dilated1d, lutnet, precision, not 'tfx'; did you mean 'tfc'?",
        ),
        (
            ["train", "tfc", "--out", "o", "--acts", "3"],
            "--acts must be one of 1, 2, 4, 8, log3, not 3",
        ),
        (
            ["verify", "b", "--engine", "verilater"],
            "--engine must be one of verilator, cocotb, icarus, amaranth, not 'verilater';"
            " did you mean 'verilator'?",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_two(arguments: list[str], message: str, run: Run) -> None:
    assert run(*arguments) == (2, "", f"bitrill: error: {message}\n")


def test_help_and_version(run: Run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for verb in ("train", "inspect", "compile", "run", "verify", "synth", "doctor"):
        assert f"    {verb} " in out
    assert run("--version") == (0, "bitrill 0.1.0\n", "")
    assert run("verify", "--help")[0] == 0


def test_every_flag_says_what_it_is_for() -> None:
    _, verbs = parser.parsers()
    silent = [f"{name} {a.dest}" for name, p in verbs.items() for a in p._actions if not a.help]
    assert silent == []
