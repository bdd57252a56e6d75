"""A project is made in order, and what is up to date is left alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from bitrill import flow
from bitrill.cli import main
from bitrill.errors import SpecError
from bitrill.flow import making, project_file
from bitrill.flow.compile_options import CompileOptions
from bitrill.flow.making import RECORD, make
from cli.test_names import parameters
from frontend.onnx_models import save, small

WHOLE = """
[train]
recipe = "tfc"
epochs = 2
[compile]
fps = 1000
[verify]
stall = 0.5
[synth]
[report]
[build]
board = "ULX3S-85F"
"""


class Verbs:
    """Stands in for all verbs: ``calls`` with their options; each writes what the verb would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.wrong: set[str] = set()
        self.stop: str | None = None
        for verb in making.VERBS:
            monkeypatch.setitem(making.VERBS, verb, self.verb(verb))

    def verb(self, name: str):
        def run(progress: object, **options: Any) -> flow.Result:
            self.calls.append((name, options))
            if name == self.stop:
                raise KeyboardInterrupt
            design = Path(options.get("build", options.get("source", options.get("out", "."))))
            files = {
                "train": ["model.onnx"],
                "compile": ["graph.json", "top.v", "timing.json"],
                "build": ["boards/ulx3s-85f/board.json"],
                "report": ["report.html"],
            }.get(name, [f"{name}.json"])
            for file in files:
                path = design / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{name} {sorted(options)} {options.get('fps')}")
            return Finished(name not in self.wrong)

        return run

    def of(self, path: Path) -> tuple[list[str], flow.Made]:
        """Make a project; returns the verbs that were run."""
        self.calls.clear()
        done = make(path)
        return [name for name, _ in self.calls], done


class Finished(flow.Result):
    def __init__(self, fine: bool):
        self.fine = fine

    @property
    def ok(self) -> bool:
        return self.fine

    def summary(self) -> Mapping[str, object]:  # type: ignore[override]
        return {"figure": 7, "folder": "x"}

    def to_json(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch) -> Verbs:
    return Verbs(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "digits.toml"
    found.write_text(WHOLE)
    return found


ALL = ["train", "compile", "verify", "synth", "report", "build"]


def test_everything_once_then_nothing(verbs: Verbs, path: Path) -> None:
    ran, done = verbs.of(path)
    out = path.parent / "build" / "digits"
    assert (ran, done.folder, done.ok) == (ALL, out, True)
    assert verbs.calls[0][1] == {
        "recipe": "tfc",
        "epochs": 2,
        "out": out / "model",
        "resume": False,
    }
    assert verbs.calls[1][1] == {
        "fps": 1000,
        "model": out / "model/model.onnx",
        "out": out / "design",
    }
    assert verbs.calls[2][1] == {"stall": 0.5, "build": out / "design"}
    assert verbs.calls[4][1] == {"source": out / "design"}
    assert done.steps[0] == making.MadeStep("train", "done", "figure: 7")
    ran, done = verbs.of(path)
    assert ran == []
    assert {s.state for s in done.steps} == {"up to date"}
    assert json.loads(json.dumps(done.to_json()))["ok"] is True


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("epochs = 2", "epochs = 3", ["train"]),  # which leaves the same model
        ("fps = 1000", "fps = 2000", ALL[1:]),
        ("stall = 0.5", "stall = 0.25", ["verify"]),
        ("[synth]", "[synth]\ncheck = 3", ["synth"]),
    ],
)
def test_what_has_changed_is_done_again(
    verbs: Verbs, path: Path, old: str, new: str, again: list[str]
) -> None:
    verbs.of(path)
    path.write_text(WHOLE.replace(old, new))
    assert verbs.of(path)[0] == again
    assert verbs.of(path)[0] == []


@pytest.mark.parametrize(
    ("file", "again"),
    [
        ("design/top.v", ALL[1:2]),  # compiling makes it what it was
        ("design/synth.json", ["synth"]),
        ("model/model.onnx", ["train"]),
        (RECORD, ALL),
    ],
)
def test_what_is_gone_is_made_again(verbs: Verbs, path: Path, file: str, again: list[str]) -> None:
    verbs.of(path)
    lost = path.parent / "build" / "digits" / file
    lost.write_text("damaged")
    assert verbs.of(path)[0] == again
    lost.unlink()
    assert verbs.of(path)[0] == again


def test_training_that_was_interrupted_goes_on(verbs: Verbs, path: Path) -> None:
    verbs.stop = "train"
    for resumed in (False, True):
        with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
            verbs.of(path)
        assert verbs.calls[-1][1]["resume"] is resumed
    path.write_text(WHOLE.replace("epochs = 2", "epochs = 9"))
    verbs.stop = None
    assert verbs.of(path)[0] == ALL
    assert verbs.calls[0][1]["resume"] is False


def test_a_mismatch_ends_it(verbs: Verbs, path: Path) -> None:
    verbs.wrong = {"verify"}
    for ran in (ALL[:3], ["verify"]):
        assert verbs.of(path)[0] == ran
    done = make(path)
    assert [s.state for s in done.steps] == ["up to date", "up to date", "failed"]
    assert not done.ok


def test_a_model_to_a_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verbs themselves, from the command line."""
    net, out = small()
    model = save(net.proto(out), tmp_path)
    path = tmp_path / "p.toml"
    path.write_text(
        f'model = "{model.name}"\nout = "made"\n[compile]\nboard = "iCEBreaker"\n'
        "[build]\nfiles_only = true\nsamples = 5\n"
    )
    for state in ("done", "up to date"):
        assert main(["make", str(path), "--json"]) == 0
        value = json.loads(capsys.readouterr().out)
        assert [(s["verb"], s["state"]) for s in value["steps"]] == [
            ("compile", state),
            ("build", state),
        ]
    assert (tmp_path / "made/design/boards/icebreaker/network.json").is_file()


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(
        'out = 3\nfast = true\n[compil]\n[train]\nepochs = "x"\n[verify]\nsampels = 1\n'
        'by_layer = 1\nstall = "x"\n[build]\nseed = true\ntoolchain = 1\n'
    )
    with pytest.raises(SpecError) as caught:
        make(path)
    assert caught.value.exit_code == 2
    said = str(caught.value)
    for fault in (
        f"{path}: out must be a text, not 3",
        "unknown table 'fast' (known: train, ",
        "unknown table 'compil'; did you mean 'compile'?",
        "[train] epochs must be a whole number, not 'x'",
        "[train] must have a recipe",
        "[verify] has no option 'sampels'; did you mean 'samples'?",
        "[verify] by_layer must be true or false, not 1",
        "[verify] stall must be a number, not 'x'",
        "[build] seed must be no truth value, not True",
        "[build] toolchain must be a text, not 1",
        "[build] or [compile] must have a board",
    ):
        assert fault in said
    for text, fault in (
        ("[", "must be TOML"),
        ("train = 1", r"train must be a table \[train\], not 1"),
        ("[compile]", r"one of model, \[train\] and \[compress\] must be given"),
        ('model = "m"\n[train]\nrecipe = "tfc"', "one of model"),
    ):
        path.write_text(text)
        with pytest.raises(SpecError, match=fault):
            make(path)


def test_options_are_those_of_the_verbs() -> None:
    chosen = {"out", "resume", "redo", "build", "source", "model", "dask", "activity"}
    for verb, options in project_file.OPTIONS.items():
        assert set(options) == set(parameters(verb)) - chosen - {"boards"} | set(options) & {
            "boards"
        }
    assert CompileOptions.__name__ in project_file.__dict__
