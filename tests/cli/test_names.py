"""A verb and its options have one name on the command line and in Python."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
from typing import Any

import pytest
from bitrill import flow
from bitrill.cli import arguments, board_arguments, parser
from bitrill.cli.verbs import COMMAND_LINE_ONLY
from bitrill.flow import board_drive, compile_options, data
from bitrill.flow.compile_options import CompileKeywords, CompileOptions
from bitrill.train import run_options

PYTHON_ONLY = {"progress"}
DIFFERENT_DEFAULTS = {("build", "samples"), ("verify", "samples")}


def parameters(verb: str) -> dict[str, Any]:
    """Parameters of a verb's function with their defaults, those of `CompileOptions` too."""
    signature = inspect.signature(getattr(flow, verb.replace("-", "_")))
    fields = {
        p.name: p.default
        for p in signature.parameters.values()
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    }
    if len(fields) < len(signature.parameters):
        fields |= {f.name: f.default for f in dataclasses.fields(CompileOptions)}
    return {name: value for name, value in fields.items() if name not in PYTHON_ONLY}


def options(verb: str) -> dict[str, argparse.Action]:
    """Options and arguments of a verb, by the name that stands on the command line."""
    actions = parser.parsers()[1][verb]._actions
    named = {
        (a.option_strings[0].lstrip("-").replace("-", "_") if a.option_strings else a.dest): a
        for a in actions
        if not isinstance(a, argparse._HelpAction)
    }
    return {name: a for name, a in named.items() if name not in COMMAND_LINE_ONLY}


@pytest.mark.parametrize("verb", arguments.VERBS)
def test_options_are_named_as_parameters(verb: str) -> None:
    flags, names = options(verb), parameters(verb)
    assert set(flags) == set(names)
    assert all(a.dest == name for name, a in flags.items())
    for name, action in flags.items():
        default = False if names[name] is False else names[name]
        if action.required or default is inspect.Parameter.empty:
            continue
        assert action.default == default, name


def test_every_verb_is_a_function() -> None:
    verbs = {verb.replace("-", "_") for verb in arguments.VERBS}
    assert verbs <= set(flow.__all__)
    functions = {n for n in flow.__all__ if inspect.isfunction(getattr(flow, n))}
    helpers = {"integers_beside", "load_build", "read_weights", "register_writes", "require"}
    helpers |= {"with_weights"}
    assert functions == verbs | helpers


def test_keywords_are_the_options_of_compile() -> None:
    fields = {f.name: f.type for f in dataclasses.fields(CompileOptions)}
    assert fields == {
        name: note.__forward_arg__ for name, note in CompileKeywords.__annotations__.items()
    }


def test_choices_are_those_of_the_functions() -> None:
    assert run_options.DATASETS == data.DATASETS
    assert arguments.STYLES == compile_options.STYLES
    assert board_arguments.TRANSPORTS == board_drive.TRANSPORTS
