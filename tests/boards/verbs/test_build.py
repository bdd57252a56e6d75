"""The verb `build` without tools, and of a network that is too large."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bitrill import flow
from bitrill.errors import ToolError
from boards.fakes import FakeToolchain
from boards.verbs.helpers import Run, refused


def test_build_without_tools(build, tmp_path: Path, run: Run, chain: FakeToolchain) -> None:
    def missing(_: Any) -> None:
        raise ToolError("magic is missing: pip install magic", missing=True)

    chain.act = missing
    base = ("build", "ulx3s-85f", build.folder, "--out", tmp_path)
    told = f"magic is missing: pip install magic; the files are in {tmp_path}"
    refused(run(*base), 3, told)
    code, out, _ = run(*base, "--json")
    assert (code, json.loads(out)["error"]) == (3, told)
    code, out, _ = run(*base, "--json", "--files-only")
    value = json.loads(out)
    assert (code, value["bitstream"], value["fmax_mhz"]) == (0, None, None)
    assert {"board", "bitstream", "fmax_mhz", "files", "folder", "toolchain", "used"} <= set(value)
    assert all(Path(f).is_file() for f in value["files"])
    assert "bitstream: none yet" in run(*base, "--files-only")[1]


def test_too_large_before_any_tool(build, tmp_path: Path, run: Run, chain, monkeypatch) -> None:
    from bitrill.resources.estimate import Resources

    monkeypatch.setattr(flow.Build, "resources", Resources(lcs=20_000))
    base = ("build", "ebaz4205", build.folder, "--out", tmp_path / "o")
    refused(
        run(*base),
        6,
        "[^ ]+ does not fit ebaz4205: lut 20,900 of 12,320 usable; it would fit arty-z7-20, kv260,"
        " pynq-z1, pynq-z2, ultra96-v2, zc706, zcu104, zedboard, or compile with a lower --fps",
    )
    assert not (tmp_path / "o").exists()
    assert chain.runs == 0
    assert run(*base, "--files-only")[0] == 0  # a person may know better
    monkeypatch.setattr(flow.Build, "resources", Resources(lcs=10**7))
    refused(run(*base), 6, ".*; it would fit no known board, or compile with a lower --fps")
