"""Spaces: keys of every table, and each fault told in one line before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bitrill.errors import SpecError
from bitrill.search import space as spaces
from bitrill.search import toml
from bitrill.search.domains import Categories, Range, domain
from bitrill.search.paths import with_values
from search.spaces import BITS, RECIPE, space


def parsed(**changes: Any) -> spaces.Space:
    return spaces.parse(space(**changes), Path())


def faults(**changes: Any) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parsed(**changes)
    told = caught.value.details["faults"]
    assert isinstance(told, list)
    return told


def test_keys_stand_where_they_say() -> None:
    tables = with_values(
        RECIPE,
        {
            "step.2.layers.fc.0.acts": 3,
            BITS: "int2",
            "step.1.epochs": 7,
            "model.width": 32,
            "hardware.style": "unrolled",
            "training.seed": 5,
        },
    )
    assert tables["step"][1]["layers"] == {"*": {"weights": "int2", "acts": 4}, "fc.0": {"acts": 3}}
    assert tables["step"][0]["epochs"] == 7
    assert tables["model"] == {"recipe": "mlp", "width": 32}
    assert tables["hardware"] == {"style": "unrolled"}, "unrolled matrices have no rate"
    assert tables["training"]["seed"] == 5
    assert RECIPE["step"][1]["layers"]["*"]["weights"] == "int4", "the recipe stays as it is"


def test_every_value_of_a_key_is_tried_on_the_recipe() -> None:
    assert faults(space={BITS: ["int4", "int99"], "step.1.epochs": {"low": -1, "high": 4}}) == [
        *faults(space={BITS: ["int99"]}),
        "space: 'step.1.epochs': step 1.epochs must be from 0 to 100000, not -1",
    ]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("step.3.ratio", "step must be from 1 to 2, with a key behind it, not '3.ratio'"),
        (
            "step.2.ratio",
            "unknown key 'ratio'; did you mean 'calibration'? (known in quantize: how",
        ),
        ("step.2.epoch", "unknown key 'epoch'; did you mean 'epochs'?"),
        ("step.2.layers.*.weight", "one of weights, acts, joins, scale, output, not '*.weight';"),
        ("modl.width", "must begin with one of step., model., hardware., training.; did you mean"),
        ("model.widht", "unknown key 'widht'; did you mean 'width'?"),
        ("model.arguments.width", "arguments must not be given with recipe"),
        ("hardware.clock", "unknown key 'clock'; did you mean 'clock_mhz'?"),
    ],
)
def test_a_key_that_the_recipe_lacks_is_told_with_the_nearest(key: str, told: str) -> None:
    (fault,) = faults(space={key: [1, 2]})
    assert fault.startswith(f"space: '{key}': ")
    assert told in fault


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"space": {}}, "the space is empty"),
        ({"space": {BITS: []}}, "must have at least one value"),
        ({"space": {BITS: ["int2", "int2"]}}, "must name each value once"),
        ({"space": {BITS: "int2"}}, "must be a list of values, or a table with low and high"),
        ({"space": {"step.1.epochs": {"low": 3, "high": 2}}}, "low must be below high"),
        ({"search": {"objectives": ["lut"]}}, "objectives must be of accuracy, lcs"),
        ({"search": {"sampler": "grid"}}, "sampler must be one of random, tpe, nsga2, nsga3"),
        ({"serach": {}}, "unknown table 'serach'; did you mean 'search'?"),
        ({"constraints": {"fps": 300_000}}, "contradicts the space, which folds for 200,000 at"),
        ({"constraints": {"lcs": 0}}, "must not be an objective where the constraint holds it"),
        ({"start": [{"x": 1}]}, "start 1: 'x' must be a key of [space]"),
        ({"start": [{BITS: "int8"}]}, f"start 1: '{BITS}' must be one of int2, int3, int4"),
        ({"model": "m.onnx"}, "either recipe (a file or a table) or model (an ONNX file)"),
        ({"hardware": {"fps": 1}}, "[hardware] must stand in the recipe"),
    ],
)
def test_bad_spaces_are_one_line_each(changes: dict[str, Any], told: str) -> None:
    (fault,) = faults(**changes)
    assert told in fault
    assert "\n" not in fault


def test_a_model_is_not_trained() -> None:
    changes = {"model": "m.onnx", "hardware": {"fps": 1}, "constraints": {"accuracy": 0.9}}
    tables = {**space(**changes), "space": {"step.1.epochs": [1]}}
    del tables["recipe"]
    with pytest.raises(SpecError) as caught:
        spaces.parse(tables, parsed().folder)
    assert caught.value.details["faults"] == [
        "space: 'step.1.epochs': a model's file has hardware. alone, no steps"
    ]
    tables["space"] = {"hardware.fps": [1, 2]}
    with pytest.raises(SpecError) as caught:
        spaces.parse(tables, parsed().folder)
    assert caught.value.details["faults"] == [
        f"{where}: accuracy must be left out with model, which is not trained"
        for where in ("objectives", "constraints")
    ]


def test_haq_gives_each_layer_its_bits() -> None:
    made = parsed(
        space={},
        search={},
        preset={"name": "haq", "step": 2, "weights": ["int2", "int4"], "acts": [2, 4, 8]},
        constraints={"energy_nj": 3},
    ).with_layers(["1", "a.b"])
    assert made.settings.objectives == ("accuracy",)
    assert {key: d.ends() for key, d in made.domains.items()} == {
        f"step.2.layers.{layer}.{what}": values
        for layer in ("1", "a.b")
        for what, values in (("weights", ("int2", "int4")), ("acts", (2, 4, 8)))
    }
    assert [set(each.values()) for each in made.start] == [{"int2", 2}, {"int4", 4}]
    assert made.recipe(made.start[1]).steps[1].kind == "quantize"
    told = faults(space={}, preset={"name": "haq", "step": 1})
    assert told == [
        "preset: step must be one of kind quantize (steps: 1 train, 2 quantize), not 1",
        "preset: haq needs a budget: one of lcs, energy_nj, latency_ns in [constraints]",
    ]


def test_ranges_end_where_their_steps_do() -> None:
    assert domain({"low": 0.1, "high": 0.9, "step": 0.1}, "x").ends() == (0.1, 0.9)
    assert domain({"low": 1, "high": 10, "step": 4}, "x").ends() == (1, 9)
    assert domain({"low": 1, "high": 9}, "x") == Range(low=1, high=9)
    assert domain([1, True, "a"], "x") == Categories((1, True, "a"))
    assert Range(low=1, high=9).whole
    assert not Range(low=1, high=9.5).whole


def test_toml_gives_the_tables_again() -> None:
    import tomllib

    tables = {
        **RECIPE,
        "data": {"name": 'a"\\\n', "validation": 0.25, "on": True, "list": [1, "x", {}]},
    }
    assert tomllib.loads(toml.text(tables)) == tables
