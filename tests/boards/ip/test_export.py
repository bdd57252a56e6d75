"""Exported cores: their testbenches, two in one system, and folders and names that are refused."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import BitrillError, SpecError, StorageError
from bitrill_boards.ip import core_names
from boards.ip.exported import export, icarus, simulated, times


@pytest.fixture(scope="module")
def build(small_compiled: flow.Compiled) -> flow.Build:
    return small_compiled.build


@pytest.mark.parametrize("stream_bits", [None, 8, 32, 64])
def test_the_testbench_passes_in_the_predicted_cycles(
    build: flow.Build, tmp_path: Path, stream_bits: int | None
) -> None:
    done = flow.export_ip(build, out=tmp_path / "c", name="mine", stream_bits=stream_bits)
    printed = icarus(done.folder, top="mine_tb")
    assert times(printed) == (done.latency, int(done.interval))
    stalled = simulated(done.folder / "mine_tb.vvp", done.folder / "tb", "+stall=50 +seed=3")
    assert times(stalled)[0] >= done.latency


def test_a_wrong_beat_is_seen(build: flow.Build, tmp_path: Path) -> None:
    core = export(build, tmp_path / "c", name="mine", samples=3)
    words = core / "tb" / "mine_m_axis.hex"
    lines = words.read_text().split()
    lines[1] = f"{int(lines[1], 16) ^ 4:0{len(lines[1])}x}"
    words.write_text("\n".join(lines))
    printed = icarus(core, top="mine_tb")
    assert "FAIL 1 faults, 9 of 9 beats" in printed
    assert "frame 0, beat 1:" in printed


def test_two_networks_are_in_one_system(build: flow.Build, tmp_path: Path) -> None:
    cores = [
        export(build, tmp_path / name, name=name, stream_bits=bits)
        for name, bits in (("left", None), ("right", 32))
    ]
    for path in cores[1].glob("tb/*.hex"):
        (cores[0] / "tb" / path.name).write_bytes(path.read_bytes())
    both = tmp_path / "both.v"
    both.write_text(
        "module both;\n  left_tb #(.ENDS(0)) left ();\n  right_tb #(.ENDS(0)) right ();\n"
        "  always @(posedge left.aclk) if (left.finished && right.finished) $finish;\n"
        "endmodule\n"
    )
    printed = icarus(*cores, top="both", sources=(both,))
    assert len(set(re.findall("PASS 16 frames: latency (\\d+)", printed))) == 2


def test_every_module_begins_with_the_name(build: flow.Build, tmp_path: Path) -> None:
    core = export(build, tmp_path / "c", name="mine", stream_bits=32)
    modules = re.findall(r"^module \\?([^\s(]+)", (core / "rtl" / "mine.v").read_text(), re.M)
    assert "mine" in modules
    assert "mine_network" in modules
    assert all(re.match(r"mine(_|\.|$)", m) for m in modules)


def test_frames_of_a_wrong_length_are_dropped(build: flow.Build, tmp_path: Path) -> None:
    core = export(build, tmp_path / "c", name="mine", stream_bits=8)
    bench = core / "tb" / "mine_tb.v"
    text = bench.read_text()
    lasts = "next % IN_BEATS == IN_BEATS - 1"
    assert lasts in text
    words = (core / "tb" / "mine_s_axis.hex").read_text().split()
    results = (core / "tb" / "mine_m_axis.hex").read_text().split()
    sent, ends, wanted = wrong_lengths(words, results)
    (core / "tb" / "mine_s_axis.hex").write_text("\n".join(sent))
    (core / "tb" / "mine_m_axis.hex").write_text("\n".join(wanted))
    text = text.replace(lasts, f"{len(ends)}'b{''.join(map(str, ends[::-1]))} >> next")
    text = text.replace("FRAMES*IN_BEATS", str(len(sent))).replace(
        "FRAMES * IN_BEATS", str(len(sent))
    )
    text = text.replace("localparam FRAMES = 16", f"localparam FRAMES = {len(wanted) // 3}")
    bench.write_text(text.replace("if (error !== 0)", "if (error !== 0 && now < 3)"))
    assert times(icarus(core, top="mine_tb"))


def wrong_lengths(words: list[str], results: list[str]) -> tuple[list[str], list[int], list[str]]:
    """Return beats with frame 2 cut short and frame 4 too long, their lasts, the results left."""
    sent, ends, wanted = [], [], []
    for k in range(len(words) // 3):
        n = {2: 1, 4: 5}.get(k, 3)
        sent += (words[3 * k : 3 * k + 3] * 2)[:n]
        ends += [0] * (n - 1) + [1]
        if n == 3:
            wanted += results[3 * k : 3 * k + 3]
    return sent, ends, wanted


def test_exporting_again_replaces_the_files(build: flow.Build, tmp_path: Path) -> None:
    core = export(build, tmp_path / "c", name="old")
    (core / "mine.txt").write_text("kept")
    export(build, core, name="fresh", stream_bits=8)
    found = {str(p.relative_to(core)) for p in core.rglob("*") if p.is_file()}
    listed = json.loads((core / "ip.json").read_text())["files"]
    assert found == {*listed, "ip.json", "mine.txt"}
    assert not any("old" in name for name in found)
    digests = {name: hashlib.sha256((core / name).read_bytes()).hexdigest() for name in listed}
    assert digests == listed


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("module", "'module' is a keyword of Verilog"),
        ("Signal", "'Signal' is a keyword of VHDL"),
        ("logic", "'logic' is a keyword of Verilog"),
        ("2nd", "'2nd' must be letters, digits and underscores, a letter first"),
        ("a b", "'a b' must be letters, digits and underscores, a letter first"),
        ("a__b", "'a__b' must not have two underscores in a row or one at its end (VHDL)"),
        ("a_", "'a_' must not have two underscores in a row or one at its end (VHDL)"),
        ("a" * 65, "it must have at most 64 characters, not 65"),
        ("", "'' must be letters, digits and underscores, a letter first"),
    ],
)
def test_a_name_must_be_an_identifier(
    build: flow.Build, tmp_path: Path, name: str, reason: str
) -> None:
    with pytest.raises(SpecError, match=re.escape(reason)):
        flow.export_ip(build, name=name, out=tmp_path / "c")
    assert not list(tmp_path.iterdir())


def test_any_network_has_a_default_name() -> None:
    for given in ("torch-jit-export", "Module", "", "äß", "9__lives_", "x" * 99, "out", "net"):
        assert core_names.checked(core_names.default(given))


@pytest.mark.parametrize("options", [{"stream_bits": 12}, {"stream_bits": 0}, {"samples": 0}])
def test_impossible_options_write_nothing(build, tmp_path: Path, options: dict) -> None:
    with pytest.raises(SpecError, match="must be"):
        flow.export_ip(build, out=tmp_path / "c", **options)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_others_is_left_alone(build: flow.Build, tmp_path: Path) -> None:
    (tmp_path / "work.v").write_text("mine")
    with pytest.raises(StorageError, match=r"neither a core .* \(it holds work.v\)"):
        flow.export_ip(build, out=tmp_path)
    with pytest.raises(StorageError, match="it is not a folder"):
        flow.export_ip(build, out=tmp_path / "work.v")
    with pytest.raises(StorageError, match="is the build itself"):
        flow.export_ip(build, out=build.folder)
    assert [p.name for p in tmp_path.iterdir()] == ["work.v"]


@pytest.mark.parametrize("text", ["", "[]", '{"files": {"../x": ""}}', '{"files": {"/x": ""}}'])
def test_a_manifest_of_others_is_refused(build: flow.Build, tmp_path: Path, text: str) -> None:
    (tmp_path / "ip.json").write_text(text)
    with pytest.raises(BitrillError, match=r"ip\.json"):
        flow.export_ip(build, out=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["ip.json"]


def test_a_full_disk_leaves_the_earlier_core(
    build: flow.Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bitrill_boards.ip import export as module

    core = export(build, tmp_path / "c", name="mine")
    before = {p: p.read_bytes() for p in core.rglob("*") if p.is_file()}
    written = []

    def fails(path: Path, data: bytes) -> None:
        written.append(path)
        if len(written) > 4:
            raise StorageError(f"cannot write {path}: No space left on device")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    monkeypatch.setattr(module, "write_bytes", fails)
    with pytest.raises(StorageError, match="No space left"):
        flow.export_ip(build, out=core, name="mine", stream_bits=8)
    assert {p: p.read_bytes() for p in core.rglob("*") if p.is_file()} == before


def test_the_sheet_is_what_the_words_are(build: flow.Build, tmp_path: Path) -> None:
    core = export(build, tmp_path / "c", name="mine", stream_bits=16, samples=5)
    sheet = json.loads((core / "ports.json").read_text())
    into, out = sheet["streams"]
    network = json.loads((core / "network.json").read_text())
    assert into["quantizer"] == network["input"]["quantizer"]
    assert (out["scale"], out["offset"]) == tuple(network["output"][k] for k in ("scale", "offset"))
    assert (into["padding"], out["padding"], out["padded"]) == ("ignored", "zero", "the last beat")
    words = {
        s["port"]: (core / "tb" / f"mine_{s['port']}.hex").read_text().split() for s in (into, out)
    }
    values = {}
    for s in (into, out):
        assert len(words[s["port"]]) == 5 * s["beats"]
        frames = np.array([int(w, 16) for w in words[s["port"]]], object).reshape(5, -1)
        text = [sum(int(w) << s["tdata_bits"] * k for k, w in enumerate(f)) for f in frames]
        bits, n = s["element_bits"], s["elements"]
        codes = np.array([[t >> bits * j & (1 << bits) - 1 for j in range(n)] for t in text])
        assert s["signed"]
        values[s["port"]] = codes - ((codes >> bits - 1) << bits)
        assert s["lo"] <= values[s["port"]].min() <= values[s["port"]].max() <= s["hi"]
    graph = build.graph
    y = graph.run(values["s_axis"].reshape(5, *graph.source.shape))
    assert (values["m_axis"] == y).all()
