"""What verbs print and write has the keys of docs/reference/json.md, by its JSON Schemas."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from bitrill import SpecError, flow
from bitrill.cli.arguments import VERBS
from jschon import JSON, JSONSchema, create_catalog
from support import HANG_SECONDS, ROOT

create_catalog("2020-12")


def _reference() -> ModuleType:
    place = ROOT / "docs" / "_ext" / "json_files.py"
    spec = importlib.util.spec_from_file_location("json_files", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _reference()


def faults(group: str, name: str, value: object) -> list[str]:
    """Return what a value breaks of its schema."""
    result = JSONSchema(reference.schema(group, name)).evaluate(JSON(json.loads(json.dumps(value))))
    if result.valid:
        return []
    listed = result.output("basic")["errors"]
    return [f"{e['instanceLocation']}: {e['error']}" for e in listed] or ["wrong"]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory, small_compiled: flow.Compiled) -> Path:
    path = tmp_path_factory.mktemp("x") / "x.npy"
    np.save(path, np.zeros((2, *small_compiled.build.graph.source.shape), np.float32))
    return path


Run = Callable[[flow.Compiled, Path, Path], flow.Result]

QUICK: dict[str, Run] = {
    "compile": lambda b, x, out: b,
    "run": lambda b, x, out: flow.run(b.build, x),
    "trace": lambda b, x, out: flow.trace(b.build, input=x, out=out),
    "report": lambda b, x, out: flow.report(b.build, out=out / "r.html"),
    "boards": lambda b, x, out: flow.boards(b.build),
    "build": lambda b, x, out: flow.build(
        "ulx3s-85f", b.build, out=out / "f", samples=2, files_only=True
    ),
    "export-ip": lambda b, x, out: flow.export_ip(b.build, out=out / "ip", samples=2),
    "zoo": lambda b, x, out: flow.zoo(),
    "doctor": lambda b, x, out: flow.doctor(),
}


@pytest.mark.parametrize("verb", QUICK)
def test_a_verb_prints_what_the_page_says(
    verb: str, small_compiled: flow.Compiled, frames: Path, tmp_path: Path
) -> None:
    value = QUICK[verb](small_compiled, frames, tmp_path).to_json()
    assert faults("verbs", verb, value) == []


def test_verbs_of_a_model_print_what_the_page_says(small_model: Path, frames: Path) -> None:
    assert faults("verbs", "inspect", flow.inspect(small_model).to_json()) == []
    x = np.load(frames)
    checked = flow.check(small_model, inputs=x, outputs=np.zeros((len(x), 3), np.float32))
    assert faults("verbs", "check", checked.to_json()) == []


def test_a_key_that_is_new_missing_or_of_another_type_is_found() -> None:
    value = flow.doctor().to_json()
    assert faults("verbs", "doctor", value | {"more": 1})
    assert faults("verbs", "doctor", {k: v for k, v in value.items() if k != "ok"})
    assert faults("verbs", "doctor", value | {"ok": 1})


def test_every_verb_has_an_object() -> None:
    assert set(reference.tables()["verbs"]) == {*VERBS, "error"}
    with pytest.raises(SpecError) as caught:
        flow.doctor(["fly"])
    assert faults("verbs", "error", caught.value.to_json()) == []


def test_files_of_a_build_a_board_and_a_core(small_compiled: flow.Compiled, tmp_path: Path) -> None:
    build = small_compiled.build.folder
    flow.build("ulx3s-85f", build, out=tmp_path / "f", samples=2, files_only=True)
    flow.export_ip(build, out=tmp_path / "ip", samples=2)
    places = dict.fromkeys(("timing", "digests", "folding", "graph"), build)
    for name, folder in {**places, "board": tmp_path / "f", "ip": tmp_path / "ip"}.items():
        value = json.loads((folder / f"{name}.json").read_text())
        assert faults("files", name, value) == [], name


def test_writable_registers(small_model: Path, tmp_path: Path) -> None:
    built = flow.compile(small_model, out=tmp_path / "b", part="portable", style="runtime")
    value = json.loads((built.build.folder / "registers.json").read_text())
    assert faults("files", "registers", value) == []


def keys(group: str, name: str) -> set[str]:
    return set(reference.object_schema(reference.tables()[group][name])["properties"])


def test_objects_have_the_fields_of_their_dataclasses() -> None:
    """Results that no quick test makes."""
    from bitrill.flow.drive_result import Rates
    from bitrill_boards.flash.loading import Loaded
    from bitrill_boards.manifest import Manifest

    def fields(cls: Any) -> set[str]:
        return {f.name for f in dataclasses.fields(cls)}

    assert keys("files", "board") == fields(Manifest)
    assert fields(Rates) < keys("verbs", "drive")
    loaded = Loaded("b", "f.bit", 1, 0.5, lasting=True)
    flashed = flow.Flashed(loaded, Path("f.bit"), None, "bitrill drive")
    assert faults("verbs", "flash", flashed.to_json()) == []


@pytest.mark.nightly
def test_verbs_that_take_long(small_compiled: flow.Compiled, tmp_path: Path) -> None:
    build = small_compiled.build
    verified = flow.verify(build, samples=4, by_layer=True, out=tmp_path)
    assert faults("verbs", "verify", verified.to_json()) == []
    assert faults("verbs", "verify", json.loads((tmp_path / "verify.json").read_text())) == []
    done = flow.synth(build, part="xc7z020clg400-1", check=2, out=tmp_path)
    assert faults("verbs", "synth", done.to_json()) == []
    assert faults("verbs", "synth", json.loads((tmp_path / "synth.json").read_text())) == []
    flow.build("ulx3s-85f", build, out=tmp_path / "f", samples=2, files_only=True)
    driven = flow.drive("ulx3s-85f", build, source=tmp_path / "f", transport="simulation")
    assert faults("verbs", "drive", driven.to_json()) == []


@pytest.mark.nightly
@pytest.mark.parametrize("recipe", ["tfc", "lutnet"])
def test_metrics_of_a_training(recipe: str, tmp_path: Path) -> None:
    trained = flow.train(recipe, out=tmp_path, epochs=1)
    assert faults("verbs", "train", trained.to_json()) == []
    value = json.loads((tmp_path / "metrics.json").read_text())
    assert faults("verbs", "train", value) == []


@pytest.mark.nightly
def test_rows_of_a_compression_and_points_of_a_search() -> None:
    """In a process of its own, since they import torch."""
    code = (
        "import dataclasses; from bitrill.compress.step_figures import StepFigures;"
        "from bitrill.search.front import Point, Standing;"
        "[print(*(f.name for f in dataclasses.fields(c))) for c in (StepFigures, Point, Standing)]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    row, point, standing = (set(line.split()) for line in done.stdout.splitlines())
    assert keys("objects", "step") == row
    assert keys("objects", "point") == point
    assert keys("verbs", "search") == standing
