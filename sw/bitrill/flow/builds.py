"""Writes builds, reads them again, and compares their files with the graph.

``graph.json`` and ``weights.npz`` are the network; all other files follow from them. A build may
come from anybody, so files that were not written by this user are generated again and compared
before they are used.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..errors import StorageError
from ..exact import rational
from ..folding.fold import folding_of
from ..ir import Graph, Primitives, Stage, serialisation, verify
from ..parts.devices import PORTABLE
from ..provenance import fingerprint, is_ours, remember
from ..resources.estimate import Resources, network_resources
from ..runtime import register_map
from ..storage import json_bytes, read_bytes, read_json
from ..timing.predict import Timing, predict
from . import build_files
from .build_files import DIGESTS, FILES, REGISTERS
from .verilog_file import write_verilog


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
        """Names of the files that `compile` wrote."""
        return (*FILES, *((REGISTERS,) if register_map.register_map(self.graph) else ()), DIGESTS)

    @property
    def resources(self) -> Resources:
        """Resources of the whole network, predicted by the resource model."""
        return sum(network_resources(self.graph).values(), Resources())

    @property
    def primitives(self) -> frozenset[Primitives]:
        """Families whose cells the design uses; ``portable``: plain logic."""
        return frozenset(n.folded.primitives for n in self.graph.nodes)

    @property
    def plain(self) -> bool:
        """Whether the design is plain logic, for any part."""
        return self.primitives == {PORTABLE}

    def board_folder(self, board: str) -> Path:
        """Return the folder in which the verb `build` writes a board's files."""
        return self.folder / "boards" / board

    def checked_verilog(self) -> str:
        """Return the text of ``top.v``, checked to be what Bitrill writes for the graph.

        Raises `StorageError` if it is not: Verilog can run anything in a simulator.
        """
        data = read_bytes(self.verilog)
        made = _verilog_fingerprint(self.graph, data)
        if not is_ours(made):
            if data != write_verilog(self.graph, "checking top.v").encode():
                raise StorageError(
                    f"{self.verilog} is not what this version of Bitrill writes for its graph;"
                    " compile again"
                )
            remember(made)
        return data.decode()


BuildLike: TypeAlias = Build | str | Path
"""A build, or the folder of a build."""


def open_build(build: BuildLike) -> Build:
    """Return a build as it is, or read it from its folder."""
    return build if isinstance(build, Build) else load_build(build)


def load_build(folder: str | Path) -> Build:
    """Read and check a build folder; raise `StorageError` if it is damaged or not finished."""
    folder = Path(folder)
    marker = folder / "graph.json"
    if not folder.is_dir():
        raise StorageError(f"{folder} must be a folder that `bitrill compile` wrote, and is not")
    build_files.settle(folder)
    if not marker.is_file():
        raise StorageError(
            f"{folder} holds no finished build: {marker.name} is missing; compile again"
        )
    digests = build_files.check(folder)
    graph = serialisation.load(folder)
    verify(graph, Stage.FOLDED)
    _check_verilog(folder / "top.v", serialisation.digest(graph))
    if digests is not None and is_ours(fingerprint("build", digests)):
        return Build(folder, graph, _timing(folder / "timing.json"))
    predicted = predict(graph)
    for name, value in _derived(graph, predicted).items():
        if read_json(folder / name) != json.loads(json.dumps(value)):
            raise StorageError(
                f"{folder / name} is not what this version of Bitrill writes for its graph;"
                " compile again"
            )
    if digests is not None:
        remember(fingerprint("build", digests))
    return Build(folder, graph, predicted)


def write_build(folder: Path, graph: Graph, verilog: str, predicted: Timing) -> Build:
    """Write all files of a build, or none of them."""
    files = {name: json_bytes(value) for name, value in _derived(graph, predicted).items()}
    files |= serialisation.to_files(graph) | {"top.v": verilog.encode()}
    digests = build_files.install(folder, files)
    remember(fingerprint("build", digests))
    remember(_verilog_fingerprint(graph, files["top.v"]))
    return Build(folder, graph, predicted)


def _derived(graph: Graph, predicted: Timing) -> dict[str, object]:
    """Return the content of each JSON file that follows from the graph."""
    values: dict[str, object] = {
        "folding.json": folding_of(graph),
        "timing.json": {
            "ii": str(predicted.ii),
            "latency": predicted.latency,
            "depths": dict(graph.depths),
        },
    }
    has_registers = bool(register_map.register_map(graph))
    return values | ({REGISTERS: register_map.to_json(graph)} if has_registers else {})


def _verilog_fingerprint(graph: Graph, verilog: bytes) -> str:
    return fingerprint("verilog", serialisation.digest(graph), verilog)


def _timing(path: Path) -> Timing:
    value = read_json(path)
    try:
        return Timing(rational(value["ii"]), int(value["latency"]))
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{path} must hold ii and latency; compile again") from error


def _check_verilog(path: Path, digest: str) -> None:
    text = read_bytes(path)
    if not text.partition(b"\n")[0].endswith(f"graph {digest}".encode()):
        raise StorageError(f"{path} was not written from its graph; compile again")
    if not text.rstrip().endswith(b"endmodule"):
        raise StorageError(f"{path} is cut short; compile again")
