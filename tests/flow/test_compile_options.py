"""Options of `compile`: wrong ones are named before anything is written."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.errors import SpecError, StorageError
from bitrill.flow import import_and_fold as build_module
from bitrill.ir import IntType
from bitrill_boards.board import SHIPPED
from flow.helpers import refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"style": "x"},
            "style must be 'folded' or 'unrolled' or 'runtime' or 'streamed', not 'x'",
        ),
        ({"clock_mhz": 0}, "the clock must be above 0 and at most 2000 MHz, not 0"),
        ({"clock_mhz": -1.0}, "the clock must be above 0 and at most 2000 MHz, not -1.0"),
        ({"fps": 0}, "the rate must be above 0 and at most 1e12 frames a second, not 0"),
        ({"fps": 1e13}, "the rate must be above 0 and at most 1e12 frames a second, not 1e+13"),
        ({"part": "xc7z021"}, r"part must be a known one, not 'xc7z021'"),
        ({"raw_input": "uint8"}, "a raw input must have a type and a scale"),
        ({"input_scale": "1/255"}, "a raw input must have a type and a scale"),
        (
            {"raw_input": "uint17", "input_scale": "1"},
            "the raw input must be uint1..uint16 or int1..int16, not 'uint17'",
        ),
        ({"raw_input": "float", "input_scale": "1"}, "int1..int16, not 'float'"),
        (
            {"raw_input": "uint8", "input_scale": "x"},
            "the input scale must be a number such as 1/255, not 'x'",
        ),
        ({"raw_input": "uint8", "input_scale": "1/0"}, "such as 1/255, not '1/0'"),
        ({"raw_input": "uint8", "input_scale": "nan"}, "such as 1/255, not 'nan'"),
        ({"raw_input": "uint8", "input_scale": "0"}, "the input scale must be above zero, not 0"),
        ({"raw_input": "uint8", "input_scale": "-1/2"}, "must be above zero, not -1/2"),
        ({"raw_input": "uint8", "input_scale": "1/2,0"}, "must be above zero, not 1/2,0"),
        ({"raw_input": "uint8", "input_scale": "1,,2"}, "such as 1/255, not '1,,2'"),
        ({"raw_input": "uint8", "input_scale": "1/2/3"}, "such as 1/255, not '1/2/3'"),
        ({"input_offset": "1"}, "an input offset must come with a raw input's type and scale"),
        (
            {"raw_input": "uint8", "input_scale": "1", "input_offset": "1e-301"},
            "the input offset must be 0 or 1e-300 to 1e300 in size, not 1e-301",
        ),
        (
            {"raw_input": "uint8", "input_scale": "1", "input_offset": "," * (1 << 16)},
            "the input offset must be at most 65536 numbers",
        ),
    ],
)
def test_wrong_options_are_named(options: dict, message: str, model: Path, tmp_path: Path) -> None:
    with refused(SpecError, message):
        flow.compile(model, out=tmp_path / "b", **options)
    assert not (tmp_path / "b").exists()


def test_raw_types_span_their_bits() -> None:
    assert build_module.parse_raw_input("uint8") == IntType(0, 255)
    assert build_module.parse_raw_input("int3") == IntType(-4, 3)
    assert build_module.parse_raw_input("uint1") == IntType(0, 1)
    assert build_module.parse_scale("0.5") == (Fraction(1, 2),)
    assert build_module.parse_scale(Fraction(1, 2)) == (Fraction(1, 2),)
    assert build_module.parse_scale("1/58.395, 1/2") == (Fraction(200, 11679), Fraction(1, 2))
    assert build_module.parse_offset(["-0.485/0.229", "0"]) == (Fraction(-485, 229), 0)


def test_a_folding_that_does_not_divide_is_named(model: Path, tmp_path: Path) -> None:
    node = flow.inspect(model).layers[0].name
    path = tmp_path / "folding.json"
    path.write_text(json.dumps({node: {"pe": 3}, "nowhere": {"pe": 1}}))
    with pytest.raises(SpecError) as caught:
        flow.compile(model, out=tmp_path / "b", folding=path)
    assert "PE must divide 4 rows, not 3" in str(caught.value)
    assert "nowhere" in str(caught.value)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[]", SpecError, "must map node names to {pe, simd, style, memory}"),
        ('{"a": 1}', SpecError, "must map node names to {pe, simd, style, memory}"),
        ("{", StorageError, "must be JSON"),
        (None, StorageError, "No such file"),
    ],
)
def test_a_bad_folding_file_is_named(
    text: str | None, error: type[Exception], message: str, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "folding.json"
    if text is not None:
        path.write_text(text)
    with refused(error, message):
        flow.compile(model, out=tmp_path / "b", folding=path)


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with refused(StorageError, f"cannot read {tmp_path / 'no.onnx'}: No such file or directory"):
        flow.compile(tmp_path / "no.onnx", out=tmp_path / "b")
    with refused(StorageError, f"cannot read {tmp_path}: it is a folder, not a model file"):
        flow.compile(tmp_path, out=tmp_path / "b")


def test_only_the_file_of_the_named_board_is_read(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "boards"
    folder.mkdir()
    (folder / "mine.toml").write_bytes((SHIPPED / "ulx3s-85f.toml").read_bytes())
    (folder / "other.toml").write_text("family = 'ecp'")
    done = flow.compile(model, out=tmp_path / "b", board="mine", boards=folder)
    assert [r.board for r in done.rooflines] == ["mine"]
    with refused(SpecError, "other.toml: family must be one of"):
        flow.compile(model, out=tmp_path / "c", boards=folder)
    assert not (tmp_path / "c").exists()
