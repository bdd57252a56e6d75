"""The verb `flash`: loading, the self-test after it, bitstreams made by hand."""

from __future__ import annotations

import json
from pathlib import Path

from bitrill_boards.flash import loading
from boards.verbs.helpers import Run, refused, wired


def test_flash_then_test(build, tmp_path: Path, run: Run, chain, loader, monkeypatch) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--samples", 8)
    base = ("flash", "ulx3s-85f", build.folder, "--source", tmp_path)
    code, out, err = run(*base, "--cable", "ft232", "--xvc", "h:1", "--timeout", "9")
    assert (code, err) == (0, "")
    loaded = {k: v for k, v in loader[0].items() if k not in ("bitstream", "progress")}
    assert loaded == {"board": "ulx3s-85f", "cable": "ft232", "xvc": "h:1", "timeout": 9.0}
    assert out == (
        f"{tmp_path}/bitrill.bit: loaded into ulx3s-85f, IDCODE 0x41113043 in 1.2 s"
        " (until power-off)\n"
        f"now test it: bitrill drive ulx3s-85f {build.folder} --source {tmp_path} --self-test"
        " --port /dev/ttyUSB0\n"
    )
    run(*base)
    assert loader[1]["timeout"] == loading.TIMEOUT
    wired(monkeypatch, build)
    code, out, _ = run(*base, "--self-test", "--port", "p")
    assert (code, "mismatches: 0 of 8 frames (ulx3s-85f, uart)" in out) == (0, True)
    wired(monkeypatch, build, fault=0)
    code, out, _ = run(*base, "--self-test", "--port", "p", "--json")
    assert (code, json.loads(out)["self_test"]["mismatches"]) == (1, 1)


def test_flash_of_a_zynq_says_where_to_test(build, tmp_path, run: Run, chain, loader) -> None:
    run("build", "pynq-z2", build.folder, "--out", tmp_path, "--samples", 2)
    base = ("flash", "pynq-z2", build.folder, "--source", tmp_path)
    _, out, _ = run(*base)
    last = "python3 -m bitrill_driver . --self-test --loaded"
    assert out.endswith(f"now test it: copy {tmp_path} to the board, and in it: {last}\n")
    refused(
        run(*base, "--self-test", "--port", "x"),
        2,
        f"the self-test of pynq-z2 runs on the board: see {tmp_path}/README.md",
    )


def test_flash_needs_a_bitstream(build, tmp_path: Path, run: Run, chain, loader) -> None:
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--files-only")
    base = ("flash", "ulx3s-85f", build.folder, "--source", tmp_path)
    refused(
        run(*base),
        4,
        f"there is no bitstream in {tmp_path} yet: run bitrill build ulx3s-85f {build.folder} where"
        " the tools of open are installed",
    )
    (tmp_path / "bitrill.bit").write_bytes(b"by hand")
    code, out, _ = run(*base)
    assert code == 0
    assert out.startswith(f"{tmp_path}/bitrill.bit (made by hand): loaded into ulx3s-85f")
    assert loader.pop()["bitstream"] == b"by hand"
    run("build", "ulx3s-85f", build.folder, "--out", tmp_path, "--files-only")
    refused(run(*base), 4, "there is no bitstream in .* yet: .*")  # it was another build's
    refused(
        run(*base, "--self-test"),
        2,
        "the self-test needs the board's serial port, such as --port .*",
    )
    refused(run(*base, "--port", "x"), 2, "port is for the self-test .*: add --self-test")
    refused(run(*base, "--timeout", "0"), 2, "the time limit must be above 0 and .*, not 0.0")
    assert loader == []
