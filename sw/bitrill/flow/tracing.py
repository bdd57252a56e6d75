"""The verb `trace`: records every edge's integers for some frames, and the design's waves."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import SpecError, ToolError
from ..ir import Graph
from ..storage import write_bytes
from .builds import Build, BuildLike, open_build
from .data import read_array, to_integers
from .extras import Progress, extra, logged
from .result import Json, Result, TextTable

MOST_ELEMENTS = 1 << 27
"""Largest number of integers in a trace, all edges together (1 GiB)."""


@dataclass(frozen=True, eq=False, repr=False)
class Traced(Result):
    """Result of `trace`.

    ``edges``: integers ``[N, *shape]`` by edge, channel last, as in the hardware; ``kinds``: the
    operator that each edge comes from; ``mismatches``: samples for which the design differs from
    the golden model, None without waves.
    """

    edges: Mapping[str, np.ndarray]
    kinds: Mapping[str, str]
    files: tuple[str, ...]
    mismatches: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the design, if it was simulated, agrees with the golden model."""
        return not self.mismatches

    @property
    def samples(self) -> int:
        return len(next(iter(self.edges.values())))

    def summary(self) -> dict[str, object]:
        figures: dict[str, object] = {"samples": self.samples, "edges": len(self.edges)}
        if self.mismatches is not None:
            figures["mismatches"] = self.mismatches
        return figures | {"files": ", ".join(self.files)}

    def tables(self) -> tuple[TextTable, ...]:
        rows = [
            (name, self.kinds[name], "x".join(map(str, v.shape[1:])), v.min(), v.max())
            for name, v in self.edges.items()
        ]
        return (TextTable.of(("edge", "kind", "shape", "lowest", "highest"), rows, texts=3),)

    def to_json(self) -> Json:
        edges = {
            name: {
                "kind": self.kinds[name],
                "shape": list(v.shape[1:]),
                "lowest": int(v.min()),
                "highest": int(v.max()),
            }
            for name, v in self.edges.items()
        }
        value: Json = {"ok": self.ok, "samples": self.samples, "edges": edges}
        if self.mismatches is not None:
            value["mismatches"] = self.mismatches
        return value | {"files": list(self.files)}


def trace(
    build: BuildLike,
    input: str | Path | np.ndarray,
    *,
    samples: int | None = None,
    wave: str | Path | None = None,
    out: str | Path | None = None,
    progress: Progress = logged,
) -> Traced:
    """Return every edge's integers of the golden model, and write them to ``trace.npz``.

    ``input``: floats or integers ``[N, *shape of the model's input]``, or a .npy file of them;
    ``samples``: number of frames, the first ones. ``wave``: a .vcd file for the waves of the
    design, which then runs these frames in Verilator; or a .fst file, if GTKWave's ``vcd2fst`` is
    installed; or a .saif file, which counts the changes of each signal while the design works
    frame after frame. ``out``: folder of ``trace.npz``; default is the build.
    """
    target = None if wave is None else wave_file(wave)
    built = open_build(build)
    x = _frames(built.graph, input, samples)
    edges = built.graph.trace(x)
    kinds = {"input": "input"} | {e: n.kind for n in built.graph.nodes for e in n.outputs}
    folder = built.folder if out is None else Path(out)
    wrong = None if target is None else _waves(built, x, target, folder, progress)
    file = folder / "trace.npz"
    write_bytes(file, _packed(edges))
    files = (str(file), *([] if target is None else [str(target)]))
    return Traced(edges, kinds, files, wrong)


def wave_file(path: str | Path) -> Path:
    """Check the name of a file for waves, and that the tool for it is installed."""
    path = Path(path)
    if path.suffix not in (".vcd", ".fst", ".saif"):
        raise SpecError(f"the file of waves must end in .vcd, .fst or .saif, not {path.name!r}")
    if path.suffix == ".fst" and shutil.which("vcd2fst") is None:
        raise ToolError(
            "a .fst file needs vcd2fst: install GTKWave, such as Debian's package gtkwave, or give"
            " a .vcd file",
            missing=True,
            tool="vcd2fst",
        )
    return path


def _frames(graph: Graph, input: str | Path | np.ndarray, samples: int | None) -> np.ndarray:
    """Return the integers of the frames, few enough for all edges to fit in memory."""
    if samples is not None and samples < 1:
        raise SpecError(f"samples must be at least 1, not {samples}")
    array = read_array(Path(input)) if isinstance(input, str | Path) else np.asarray(input)
    x = array if array.ndim == 0 else array[:samples]
    graph.source.check_shape(x)
    if len(x) == 0:
        raise SpecError("the input must hold at least one sample, not 0")
    most = max(1, MOST_ELEMENTS // sum(t.size for t in graph.edges.values()))
    if len(x) > most:
        raise SpecError(
            f"a trace must have at most {most} samples here, not {len(x)}: give samples"
        )
    return to_integers(graph, x)


def _packed(edges: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **edges)
    return buffer.getvalue()


def _waves(built: Build, x: np.ndarray, target: Path, folder: Path, progress: Progress) -> int:
    with extra("sim", "trace --wave"):
        from bitrill_sim import kept, record_waves
    built.checked_verilog()
    work = (folder / "sim").absolute()
    return record_waves(
        built.graph,
        built.verilog.absolute(),
        x,
        target.absolute(),
        work=work,
        models=kept.simulators(work),
        progress=progress,
    )
