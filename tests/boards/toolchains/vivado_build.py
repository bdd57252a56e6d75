"""Helpers for tests of toolchain ``vivado``: one small build, and its files for any board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.flow import Build
from bitrill_boards.project import Project
from bitrill_boards.toolchains import vivado
from boards.toolchains import modelled
from frontend.onnx_models import save, small

Written = Callable[..., Path]
"""Of a board's name and changes of its project: a fresh folder with all that Vivado reads."""


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("vivado")
    net, out = small()
    return flow.compile(save(net.proto(out), folder), out=folder / "b").build


@pytest.fixture(scope="session")
def shells() -> dict[int, str]:
    """Verilog of the shell by the bits of an address, cached since it is slow."""
    return {}


@pytest.fixture
def files(
    shells: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Project], Mapping[str, str]]:
    convert = vivado.convert

    def cached(shell, *, name: str) -> str:
        if shell.address not in shells:
            shells[shell.address] = convert(shell, name=name)
        shell._MustUse__silence = True  # not elaborated again on purpose
        return shells[shell.address]

    monkeypatch.setattr(vivado, "convert", cached)
    return vivado.files


@pytest.fixture
def written(build: Build, files: Callable[[Project], Mapping[str, str]], tmp_path: Path) -> Written:
    def write(name: str, folder: str = "board", **changes: object) -> Path:
        project = modelled.project(build, name, tmp_path / folder, **changes)
        return modelled.write(project, files(project))

    return write
