"""The verb `export-ip` on the command line, and the commands of docs/ip.md."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from bitrill import flow
from bitrill.cli import parser
from boards.verbs.helpers import Run, refused
from support import ROOT

PAGE = (ROOT / "docs" / "ip.md").read_text()


def test_json_has_files_and_ports(build: flow.Build, tmp_path: Path, run: Run) -> None:
    words = ("export-ip", build.folder, "--name", "mine", "--out", tmp_path / "c")
    code, out, _ = run(*words, "--stream-bits", 32, "--samples", 4, "--json")
    told = json.loads(out)
    assert (code, told["name"]) == (0, "mine")
    assert all(Path(name).is_file() for name in told["files"])
    assert {str(p) for p in (tmp_path / "c").rglob("*") if p.is_file()} == set(told["files"])
    ports = {p["name"]: (p["width"], p["direction"]) for p in told["ports"]}
    assert ports["s_axis_tdata"] == (32, "in")
    assert ports["m_axis_tlast"] == (1, "out")
    code, out, _ = run(*words)  # the same core again, with the network's own beats
    assert code == 0
    assert re.search(r"^s_axis_tdata +in +\d+$", out, re.MULTILINE)
    assert out.endswith(f"start with {tmp_path / 'c' / 'README.md'}\n")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--name", "entity"), 2, "--name must be an identifier .*: 'entity' is a keyword of VHDL"),
        (("--stream-bits", "12"), 2, "--stream-bits must be one of 8, 16, .*, 1024, not 12"),
        (("--stream-bits", "x"), 2, "argument --stream-bits: must be a whole number, not 'x' .*"),
    ],
)
def test_bad_input_is_one_line(build, tmp_path, run: Run, options, code: int, message: str) -> None:
    refused(run("export-ip", build.folder, "--out", tmp_path / "c", *options), code, message)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_others_is_one_line(build: flow.Build, tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.v").touch()
    got = run("export-ip", build.folder, "--out", tmp_path)
    refused(got, 4, f"{tmp_path} is neither a core .* nor empty .it holds a.v.: give a folder .*")


def test_commands_of_the_page_parse() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    commands = [k for b in blocks for k in b.splitlines() if k.startswith("bitrill ")]
    assert commands
    for command in commands:
        parser.parse(shlex.split(command)[1:])


def test_the_page_names_every_file(build: flow.Build, tmp_path: Path) -> None:
    done = flow.export_ip(build, out=tmp_path / "c", name="digits", stream_bits=8, control=True)
    sheet = json.loads((tmp_path / "c" / "ports.json").read_text())
    network = json.loads((tmp_path / "c" / "network.json").read_text())
    keys = {*sheet, *sheet["streams"][0], *sheet["registers"][0]}
    assert {k for k in keys - {*network["input"]} if f"`{k}`" not in PAGE} == set()
    for name in done.names:
        folder, _, file = name.partition("/")
        assert name in PAGE or file in PAGE or f"{folder}/" in PAGE, name
