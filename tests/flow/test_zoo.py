"""Trained networks that come along: listed, small, and as good and as large as they say.

Nightly, for each: the compiler predicts the recorded hardware, the golden model has the recorded
accuracy, and `FRAMES` frames go through RTL.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from bitrill import flow, zoo
from bitrill.cli import parser
from bitrill.errors import SpecError, StorageError
from bitrill.flow.zoo import measured, predicted
from flow.helpers import refused
from support import ROOT, nightly, shared_data

MOST_BYTES = 2_000_000
"""Bytes of all models together: the wheel should stay small."""

FRAMES = 100
SMALL = "tfc"
"""An entry that compiles quickly."""

NAMES = ("cnv", "keywords", "lenet", "lutnet", "resnet8", "tfc")


def test_the_six_are_listed_with_their_figures() -> None:
    value = flow.zoo().to_json()
    assert json.loads(json.dumps(value)) == value
    rows = {row["name"]: row for row in value["networks"]}  # pyright: ignore
    assert tuple(rows) == NAMES == zoo.names()
    for name, row in rows.items():
        assert set(row) == {
            *("name", "model", "title", "bits", "data", "bytes", "recipe", "compile", "accuracy"),
            *("test_images", "parameters", "hardware"),
        }
        assert set(row["hardware"]) == {"part", "clock_mhz", "ii", "latency", "resources"}
        assert row["bytes"] == Path(row["model"]).stat().st_size
        assert 0.8 < row["accuracy"] <= 1, name
        assert all(
            line == line.strip() and line.isprintable()
            for line in row.values()
            if isinstance(line, str)
        )


def test_all_models_together_are_small() -> None:
    files = [p for p in zoo.FOLDER.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    assert sum(p.stat().st_size for p in files) < MOST_BYTES


@pytest.mark.parametrize(
    ("name", "least"),
    [("tfc", 0.92), ("lenet", 0.985), ("resnet8", 0.95), ("cnv", 0.95), ("lutnet", 0.96)],
)
def test_the_recorded_accuracy_is_worth_showing(name: str, least: float) -> None:
    assert zoo.entry(name).figures["accuracy"] > least


@pytest.mark.parametrize("name", NAMES)
def test_its_commands_are_right_usage(name: str) -> None:
    entry = zoo.entry(name)
    for command in (entry.recipe_command, entry.compile_command):
        program, *arguments = shlex.split(command)
        assert program == "bitrill"
        parser.parse(arguments)


def test_the_table_of_the_page_is_what_the_command_prints() -> None:
    page = (ROOT / "docs" / "zoo.md").read_text()
    for table in flow.zoo().tables():
        for row in table.rows:
            assert f"| {' | '.join(row)} |" in page


UNKNOWN = f"a model of the zoo must be one of {', '.join(NAMES)}, not 'tfcc'; did you mean 'tfc'?"


def test_a_project_takes_a_model_of_the_zoo(tmp_path: Path) -> None:
    file = tmp_path / "project.toml"
    file.write_text('model = "zoo:tfcc"\n[compile]\n')
    with refused(SpecError, UNKNOWN):
        flow.make(file)


def test_a_file_beside_is_no_model_of_the_zoo(tmp_path: Path) -> None:
    with refused(StorageError, "tfc"):
        flow.inspect(tmp_path / "zoo:tfc")


def test_an_entry_without_a_recipe_file_says_how_it_was_made(tmp_path: Path) -> None:
    with refused(SpecError, "zoo:tfc must have a recipe.toml, and was made by: bitrill train tfc"):
        flow.compress("zoo:tfc", out=tmp_path / "out")


@pytest.mark.nightly
def test_a_small_one_compiles_to_the_recorded_hardware(tmp_path: Path) -> None:
    entry = zoo.entry(SMALL)
    done = flow.compile(f"zoo:{SMALL}", out=tmp_path / "b", **entry.compile)  # pyright: ignore
    assert json.loads(json.dumps(predicted(done))) == entry.figures["hardware"]


@pytest.mark.parametrize("name", nightly(*NAMES))
def test_it_is_what_it_says_to_the_last_frame_and_cycle(name: str, tmp_path: Path) -> None:
    entry = zoo.entry(name)
    if entry.data in ("mnist", "fashion"):
        shared_data()
    again = measured(entry, entry.model, entry.figures["parameters"], tmp_path / "b")
    assert json.loads(json.dumps(again)) == entry.figures
    done = flow.verify(tmp_path / "b", data=entry.data, samples=FRAMES)
    assert (done.samples, done.mismatches, done.cycles_exact) == (FRAMES, 0, True)
    assert done.measured == done.predicted
