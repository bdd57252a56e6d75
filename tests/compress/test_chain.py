"""A chain of steps on a network that is not ours: figures, stops, resuming, hardware."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import torch
from bitrill import flow
from bitrill.compress import chain as chains
from bitrill.compress import measures, sources, teachers
from bitrill.compress import recipe as recipes
from bitrill.compress.quantizers.insertion import quantized
from bitrill.compress.quantizers.quantizer_table import PatternSettings, QuantizerTable
from bitrill.errors import FitError, SpecError, StorageError
from compress import users_net

HERE = Path(__file__).parent

CHAIN = """
[data]
name = "digits"
[model]
module = "net.py:make"
[hardware]
fps = 2000
[training]
epochs = 2
batch = 16
learning_rate = 0.01
[[step]]
kind = "train"
[[step]]
kind = "quantize"
epochs = 1
[step.layers]
"*" = { weights = "int4", acts = 4 }
"stem" = { weights = "ternary", scale = "channel" }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe")
    (path / "net.py").write_text((HERE / "users_net.py").read_text())
    (path / "recipe.toml").write_text(CHAIN)
    return path


@pytest.fixture(scope="module")
def done(folder: Path) -> flow.Compressed:
    return flow.compress(folder / "recipe.toml", out=folder / "out")


def test_each_step_tells_accuracy_and_hardware(done: flow.Compressed, folder: Path) -> None:
    train, quantize = done.rows
    assert train.accuracy > 0.6
    assert train.lcs is None, "floats have no hardware"
    assert quantize.accuracy > 0.6
    assert quantize.lcs
    assert quantize.ramb18 is not None
    stem = 4 * 9
    count = (quantize.weight_bits + 2 * stem) // 4
    assert train.weight_bits == 32 * count
    written = json.loads((folder / "out" / "steps.json").read_text())
    assert [row["kind"] for row in written["steps"]] == ["train", "quantize"]
    assert written["accuracy"] == done.accuracy == quantize.accuracy
    assert len(str(done)) < 400


def test_its_figures_are_those_of_compile(done: flow.Compressed, tmp_path: Path) -> None:
    assert done.model is not None
    compiled = flow.compile(done.model, out=tmp_path / "b", part="xc7z020clg400-1", fps=2000)
    last = done.rows[-1]
    assert (last.lcs, last.ramb18) == (compiled.resources.lcs, compiled.resources.ramb18)
    assert (last.ii, last.latency) == (
        compiled.build.predicted.ii,
        compiled.build.predicted.latency,
    )


@pytest.mark.nightly
def test_hardware_computes_what_it_was_trained_for(done: flow.Compressed, tmp_path: Path) -> None:
    assert done.model is not None
    build = flow.compile(done.model, out=tmp_path / "b", fps=2000).build
    assert flow.verify(build.folder, data="digits", samples=100).mismatches == 0


def test_a_stop_in_the_middle_of_a_step_changes_nothing(
    done: flow.Compressed, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder / "stopped"

    def stop(step: str, done: int, total: int) -> None:
        if "step 2" in step and "epoch 1" in step and done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flow.compress(folder / "recipe.toml", out=out, progress=stop)
    assert (out / "step-1.pt").exists()
    assert not (out / "step-2.pt").exists()
    trained = []
    monkeypatch.setattr(
        chains.Chain,
        "_take",
        lambda self, s, k, take=chains.Chain._take: (trained.append(k), take(self, s, k)),
    )
    again = flow.compress(folder / "recipe.toml", out=out)
    assert trained == [2]
    timeless = [[{**r.__dict__, "seconds": 0} for r in each.rows] for each in (again, done)]
    assert timeless[0] == timeless[1]
    assert (out / "model.onnx").read_bytes() == (folder / "out" / "model.onnx").read_bytes()


def test_no_model_of_an_earlier_run_is_left(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"of an earlier run")
    tables = tomllib.loads(CHAIN)
    tables["model"]["module"] = f"{folder / 'net.py'}:make"
    tables["step"] = [{"kind": "train", "epochs": 0}]
    assert flow.compress(tables, out=tmp_path).model is None
    (tmp_path / "model.onnx").write_bytes(b"of an earlier run")
    tables["step"].append({"kind": "train", "epochs": 0})
    assert flow.compress(tables, out=tmp_path).model is None


def test_a_rate_that_a_later_step_cannot_reach_is_a_note(folder: Path, tmp_path: Path) -> None:
    text = CHAIN.replace("fps = 2000", "fps = 1e9").replace("epochs = 2", "epochs = 0")
    tables = tomllib.loads(text.replace("epochs = 1", "epochs = 0"))
    tables["model"]["module"] = f"{folder / 'net.py'}:make"
    done = flow.compress(tables, out=tmp_path / "out")
    assert done.model
    assert done.rows[1].lcs is None
    assert done.rows[1].accuracy > 0
    assert "no hardware: model: the rate needs a frame every 0" in done.rows[1].notes[-1]
    tables["step"] = tables["step"][1:]
    with pytest.raises(FitError, match=r"step 1 \(quantize\): "):
        flow.compress(tables, out=tmp_path / "first")


def test_a_finished_chain_is_not_taken_again(
    done: flow.Compressed, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains.Chain, "_take", lambda *_: pytest.fail("a step was taken"))
    again = flow.compress(folder / "recipe.toml", out=folder / "out")
    assert [r.__dict__ for r in again.rows] == [r.__dict__ for r in done.rows]


def test_another_recipe_s_checkpoint_is_named(done: flow.Compressed, folder: Path) -> None:
    other = folder / "other.toml"
    other.write_text(CHAIN.replace('weights = "int4"', 'weights = "int3"'))
    with pytest.raises(SpecError, match=r"step-2.pt is of another recipe: step 2.layers.*int4"):
        flow.compress(other, out=folder / "out")


def test_a_damaged_checkpoint_is_named(done: flow.Compressed, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "step-1.pt").write_bytes((folder / "out" / "step-1.pt").read_bytes()[:-100])
    with pytest.raises(StorageError, match=r"step-1.pt must be a whole checkpoint"):
        flow.compress(folder / "recipe.toml", out=tmp_path)


def test_a_checkpoint_of_another_network_is_named(
    done: flow.Compressed, folder: Path, tmp_path: Path
) -> None:
    state = torch.load(folder / "out" / "step-1.pt")
    state["module"] = {f"other.{name}": value for name, value in state["module"].items()}
    torch.save(state, tmp_path / "step-1.pt")
    with pytest.raises(StorageError, match=r"step-1.pt must hold the recipe's network, .*Missing"):
        flow.compress(folder / "recipe.toml", out=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'kind = "train"',
            'kind = "trian"',
            "step 1: kind must be one of .*; did you mean 'train'",
        ),
        ("epochs = 1", "epoch = 1", r"step 2 \(quantize\): unknown key 'epoch'; did you mean"),
        ("epochs = 1", "epochs = -1", "step 2.epochs must be from 0 to 100000, not -1"),
        ('"int4"', '"int9"', "weights must be int2 to int8, not 'int9'"),
        ("fps = 2000", "", "either fps or style = 'unrolled' must be given"),
        ("[hardware]\nfps = 2000", "", r"table \[hardware\] must be given"),
        ('"digits"', '"digit"', "name must be one of .*; did you mean 'digits'"),
        ('"stem" =', '"steam" =', "'steam' matches no layer; did you mean 'stem'"),
        ("net.py:make", "net.py:mak", "net.py must have a function mak"),
        ("net.py:make", "nett.py:make", "there is no such file"),
        ("net.py:make", "net.py:Branching", "net.py:.*if x.sum"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    old: str, new: str, message: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text((folder / "net.py").read_text())
    assert old in CHAIN
    text = CHAIN.replace(old, new).replace("epochs = 2", "epochs = 0")
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises((SpecError, StorageError), match=message) as error:
        flow.compress(tmp_path / "r.toml", out=tmp_path / "out")
    assert "\n" not in str(error.value)


def test_all_faults_of_a_recipe_are_told_at_once() -> None:
    tables = {"data": {"name": "x"}, "model": {}, "step": [{"kind": "train", "epochs": "many"}]}
    with pytest.raises(SpecError) as error:
        recipes.parse(tables, Path())
    assert len(error.value.details["faults"]) == 4


def test_quantizers_stand_where_integers_are_needed() -> None:
    torch.manual_seed(1)
    graph = quantized(
        users_net.Net(), QuantizerTable({"*": PatternSettings(weights="int3", acts=3)})
    )
    names = [str(n.target) for n in graph.graph.nodes if n.op == "call_module"]
    assert names.count("add_quant") == 2, "both sides of a sum go through one quantizer"
    assert names[0] == "x_quant"
    assert not any("relu" in n and not n.endswith("quant") for n in names)
    kinds = {n: type(graph.get_submodule(n)).__name__ for n in names}
    assert kinds["stem"] == "QuantConv2d"
    assert kinds["head"] == "QuantLinear"


def test_folds_hold_back_each_training_image_once(folder: Path, tmp_path: Path) -> None:
    tables = tomllib.loads(
        CHAIN.replace("epochs = 2", "epochs = 1").replace("epochs = 1", "epochs = 0")
    )
    tables["model"]["module"] = str(folder / "net.py") + ":make"
    tables["data"]["folds"], tables["step"] = 3, tables["step"][:1]
    read = recipes.parse(tables, folder)
    parts = [each.data.load(folder) for each, _ in recipes.folds(read, tmp_path)]
    assert sum(len(p.x_val) for p in parts) == 1437
    together = torch.cat([p.x_val for p in parts]).flatten(1)
    assert torch.equal(together.sum(0), (parts[0].x_train.sum(0) + parts[0].x_val.sum(0)).flatten())
    done = flow.compress(tables, out=tmp_path)
    assert done.rows[0].spread is not None
    single = [json.loads((tmp_path / f"fold-{k}" / "steps.json").read_text()) for k in (1, 2, 3)]
    assert done.accuracy == pytest.approx(sum(s["accuracy"] for s in single) / 3)


def test_a_teacher_may_be_a_file(done: flow.Compressed, folder: Path) -> None:
    assert done.model
    exact = teachers.teacher("out/model.onnx", folder)
    data = sources.DataSource(name="digits").load(folder)
    assert measures.accuracy(exact, data.x_test, data.y_test) == done.accuracy
    torch.save(users_net.Branching(), folder / "net.pt")
    assert isinstance(teachers.teacher("net.pt", folder), users_net.Branching)
    torch.save({"weights": 3}, folder / "net.pt")
    with pytest.raises(SpecError, match=r"net.pt must hold an nn.Module, not dict: for weights"):
        teachers.teacher("net.pt", folder)
    (folder / "net.pt").write_bytes(b"no network")
    with pytest.raises(SpecError, match=r"net.pt must be a module that torch.save wrote: "):
        teachers.teacher("net.pt", folder)
    with pytest.raises(StorageError, match=r"cannot read .*none.onnx: there is no such file"):
        teachers.teacher("none.onnx", folder)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(SpecError, match=r"training: device must be there, and 'cuda:7' is not"):
        recipes.make_step(
            {"kind": "train"},
            recipes.read(recipes.Training, {"device": "cuda:7"}, "training"),
            "step 1",
        )


class Keywords(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = torch.nn.Linear(4, 4), torch.nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(input=x)
        both = torch.cat(tensors=[torch.relu(input=y), torch.mul(input=y, other=y)], dim=1)
        return self.last(torch.flatten(input=both, start_dim=1))


def test_what_is_given_by_keyword_is_quantized_too() -> None:
    torch.manual_seed(1)
    graph = quantized(Keywords(), QuantizerTable({}))
    names = [str(n.target) for n in graph.graph.nodes if n.op == "call_module"]
    assert names == ["x_quant", "first", "first_quant", "cat_quant", "cat_quant", "last"]
    assert graph.eval()(torch.rand(2, 4)).shape == (2, 3)


class Doubled(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = torch.nn.Linear(4, 4), torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first(x))
        return self.last(y + y)


def test_a_value_added_to_itself_is_quantized_once() -> None:
    graph = quantized(Doubled(), QuantizerTable({}))
    calls = [n for n in graph.graph.nodes if n.target == "add_quant"]
    assert len(calls) == 1
    (total,) = (n for n in graph.graph.nodes if n.name == "add")
    assert total.args == (calls[0], calls[0])
