"""Build folders: writing what `compile` made, reading and checking it again.

A build folder is whole exactly if it has ``graph.json``: writing removes that file first and
writes it last, so nothing that was interrupted is taken for a build. The first line of ``top.v``
names the digest of the graph that it was written from; a reader refuses a pair that does not
belong together.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from ..errors import StorageError
from ..folding.fold import folding_of
from ..ir import Graph, Stage, serialisation, verify
from ..resources.estimate import Resources, network_resources
from ..runtime import register_map
from ..storage import read_bytes, read_json, remove, write_json, write_text
from ..timing.predict import Timing

FILES = ("graph.json", "weights.npz", "top.v", "timing.json", "folding.json")
"""Files of every build."""

REGISTERS = "registers.json"
"""Addresses of writable weights and thresholds; only in builds that have some."""

RESULTS = ("verify.json", "synth.json")
"""Files that other verbs leave about a build; removed when it is compiled again."""


@dataclass(frozen=True)
class Build:
    """A compiled network: its folder, its folded graph, its predicted cycles."""

    folder: Path
    graph: Graph
    predicted: Timing

    @property
    def verilog(self) -> Path:
        """The design, module ``top``."""
        return self.folder / "top.v"

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that `compile` left."""
        return (*FILES, REGISTERS) if register_map.register_map(self.graph) else FILES

    @property
    def resources(self) -> Resources:
        """Resources of the whole network, predicted by the resource model."""
        return sum(network_resources(self.graph).values(), Resources())

    def board_folder(self, board: str) -> Path:
        """The folder in which the verb `build` leaves a board's files."""
        return self.folder / "boards" / board


BuildLike: TypeAlias = Build | str | Path
"""A build, or the folder of one."""


def open_build(build: BuildLike) -> Build:
    """Return a build as it is, or read the folder of one."""
    return build if isinstance(build, Build) else load_build(build)


def load_build(folder: str | Path) -> Build:
    """Read and check a build folder; raises `StorageError` if it is damaged or not finished."""
    folder = Path(folder)
    marker = folder / "graph.json"
    if not folder.is_dir():
        raise StorageError(f"{folder} must be a folder that `bitrill compile` left, and is not")
    if not marker.is_file():
        raise StorageError(
            f"{folder} holds no finished build: {marker.name} is missing; compile again"
        )
    graph = serialisation.load(folder)
    verify(graph, Stage.FOLDED)
    _check_verilog(folder / "top.v", serialisation.digest(graph))
    value = read_json(folder / "timing.json")
    try:
        predicted = Timing(Fraction(value["ii"]), int(value["latency"]))
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"{folder / 'timing.json'} must hold ii and latency; compile again"
        ) from error
    return Build(folder, graph, predicted)


def write_build(folder: Path, graph: Graph, verilog: str, predicted: Timing) -> Build:
    """Write all files of a build, ``graph.json`` last."""
    for name in ("graph.json", REGISTERS, *RESULTS):
        remove(folder / name)
    if register_map.register_map(graph):
        write_json(folder / REGISTERS, register_map.to_json(graph))
    write_text(folder / "top.v", verilog)
    write_json(folder / "folding.json", folding_of(graph))
    write_json(
        folder / "timing.json",
        {"ii": str(predicted.ii), "latency": predicted.latency, "depths": dict(graph.depths)},
    )
    serialisation.save(graph, folder)
    return Build(folder, graph, predicted)


def _check_verilog(path: Path, digest: str) -> None:
    text = read_bytes(path)
    if not text.partition(b"\n")[0].endswith(f"graph {digest}".encode()):
        raise StorageError(f"{path} was not written from the graph beside it; compile again")
    if not text.rstrip().endswith(b"endmodule"):
        raise StorageError(f"{path} is cut short; compile again")
