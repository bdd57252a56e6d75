"""Reads and writes ``board.json``, the manifest of a board's folder.

It is written last: a folder that has one is complete, except that the bitstream is missing if the
tools are missing or failed.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

from bitrill.errors import StorageError
from bitrill.exact import rational
from bitrill.ir.serialisation import digest
from bitrill.resources.estimate import Resources
from bitrill.storage import read_bytes, read_json, write_json

from . import schema
from .driver.registers import LAYER, LAYERS_AT, OFFSETS
from .driver.zynq_clocks import crystal
from .project import Project, ToolchainResult
from .roofline import roofline
from .shell.zynq_shell import register_bits

NAME = "board.json"
FORMAT = 1

WORD = 64
"""Bits of a word in a Zynq board's memory."""


@dataclass(frozen=True)
class Manifest:
    """Content of ``board.json``.

    ``clock_mhz``, ``crystal_mhz``: exact fractions. ``register_bits``: address bits of the
    registers at ``base``. ``network``: name, digest of the whole graph, interval, latency.
    ``geometry``: 64-bit words and bytes of a frame in and out. ``registers``: offsets of a Zynq
    shell's registers. ``roofline``: frames per second of the core and of the board, and what limits
    them. ``files``: SHA-256 of each. ``used``: used and available, by resource.
    """

    board: str
    title: str
    family: str
    part: str
    idcode: int | None
    toolchain: str
    link: str
    baud: int | None
    base: int | None
    register_bits: int | None
    clock_mhz: str
    crystal_mhz: str
    network: dict[str, object]
    geometry: dict[str, int]
    roofline: dict[str, object]
    registers: dict[str, int]
    flash: dict[str, str]
    files: dict[str, str]
    bitstream: str | None = None
    bitstream_sha256: str | None = None
    fmax_mhz: float | None = None
    used: dict[str, list[int]] | None = None
    format: int = FORMAT

    @property
    def clock(self) -> Fraction:
        """Clock of the network in MHz."""
        return Fraction(self.clock_mhz)

    @property
    def counters(self) -> bool:
        """Whether the shell counts each layer."""
        return len(self.registers) > len(OFFSETS)

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    def with_made(self, folder: Path, made: ToolchainResult) -> "Manifest":
        """Return the manifest with the results of a toolchain's run."""
        hashes = hashes_of(folder, {made.bitstream, *made.files})
        return replace(
            self,
            bitstream=made.bitstream,
            bitstream_sha256=hashes[made.bitstream],
            fmax_mhz=round(made.fmax_mhz, 2),
            used={k: list(v) for k, v in made.used.items()},
            files=self.files | hashes,
        )


def of(project: Project, files: Iterable[str]) -> Manifest:
    """Return the manifest of a project whose ``files`` are written and whose tools have not run."""
    board, edges = project.board, project.edges
    rates = roofline(board, project.graph, project.predicted.ii, Resources(), project.clock_mhz)
    return Manifest(
        board=board.name,
        title=board.title,
        family=board.family,
        part=board.part,
        idcode=board.idcode,
        toolchain=project.toolchain,
        link=schema.LINKS[board.family],
        baud=board.baud,
        base=board.base,
        register_bits=register_bits(edges) if board.zynq else None,
        clock_mhz=str(project.clock_mhz),
        crystal_mhz=str(crystal(board.crystal_mhz)),
        network={
            "name": project.graph.name,
            "digest": digest(project.graph),
            "interval": str(project.predicted.ii),
            "latency": project.predicted.latency,
        },
        geometry={
            "words_in": -(-edges.frame_in // WORD),
            "words_out": -(-edges.frame_out // WORD),
            "bytes_in": -(-edges.frame_in // 8),
            "bytes_out": -(-edges.frame_out // 8),
        },
        roofline={"core_fps": rates.core, "system_fps": rates.system, "limit": rates.limit},
        registers=_registers(project) if board.zynq else {},
        flash=dict(board.flash),
        files=hashes_of(project.folder, files),
    )


def _registers(project: Project) -> dict[str, int]:
    """Return the offsets of a Zynq shell's registers, with those of layers that are counted."""
    layers = project.graph.nodes if project.counters else ()
    counted = [f"{node.name}_{word}" for node in layers for word in LAYER]
    return {**OFFSETS, **{name: LAYERS_AT + 4 * k for k, name in enumerate(counted)}}


_BY_TOOLS = {"files", "bitstream", "bitstream_sha256", "fmax_mhz", "used"}
"""Keys that depend on files and on the tools' results; all others follow from board and network."""


def require_own(manifest: Manifest, project: Project) -> None:
    """Raise `StorageError` unless a folder's manifest agrees with a project."""
    expected, read_ = of(project, ()).to_json(), manifest.to_json()
    wrong = [key for key in expected if key not in _BY_TOOLS and expected[key] != read_[key]]
    if wrong:
        raise StorageError(
            f"{project.folder / NAME} is not what Bitrill writes for {project.board.name} and this"
            f" network ({', '.join(wrong)}); build it again"
        )


def write(folder: Path, manifest: Manifest) -> None:
    """Write a folder's manifest: it must be the folder's last file."""
    write_json(folder / NAME, manifest.to_json())


def read(folder: Path) -> Manifest:
    """Read a folder's manifest; raise `StorageError` if it is missing, foreign or damaged."""
    path = folder / NAME
    if not path.is_file():
        raise StorageError(
            f"{folder} holds no finished board build: {NAME} is missing;"
            " run bitrill build BOARD BUILD"
        )
    value = read_json(path)
    version = value.get("format") if isinstance(value, dict) else None
    if version != FORMAT:
        raise StorageError(f"{path} must have format {FORMAT}, not {version!r}; build it again")
    wrong = [k for k, test in _FIELDS.items() if k not in value or not test(value[k])]
    wrong += [k for k in value if k not in _FIELDS]
    if wrong:
        raise StorageError(f"{path} is damaged ({', '.join(wrong)}); build it again")
    return Manifest(**value)


def require(folder: Path, manifest: Manifest, names: Iterable[str]) -> None:
    """Raise `StorageError` unless files are unchanged since they were written."""
    for name in names:
        if name not in manifest.files:
            raise StorageError(f"{folder / NAME} does not list {name}; build it again")
        if hashes_of(folder, [name])[name] != manifest.files[name]:
            raise StorageError(f"{folder / name} was changed since it was built; build it again")


def hashes_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of files, in hex, by name."""
    return {n: hashlib.sha256(read_bytes(folder / n)).hexdigest() for n in sorted(set(names))}


def _maps(value: object, to: type) -> bool:
    return isinstance(value, Mapping) and all(type(v) is to for v in value.values())


def _network(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == {"name", "digest", "interval", "latency"}
        and all(isinstance(value[k], str) for k in ("name", "digest", "interval"))
    )


def _plain(value: object) -> bool:
    """Return whether a value is a file name that stays in the folder."""
    return (
        isinstance(value, str)
        and bool(value)
        and not Path(value).is_absolute()
        and (".." not in Path(value).parts)
    )


def _fraction(value: object) -> bool:
    try:
        return isinstance(value, str) and rational(value) > 0
    except (ValueError, ZeroDivisionError):
        return False


def _text(value: object) -> bool:
    return isinstance(value, str)


def _whole_or_none(value: object) -> bool:
    return value is None or type(value) is int


_FIELDS = {
    "format": lambda v: v == FORMAT,
    "board": _text,
    "title": _text,
    "family": _text,
    "part": _text,
    "idcode": _whole_or_none,
    "toolchain": _text,
    "link": lambda v: v in schema.LINKS.values(),
    "baud": _whole_or_none,
    "base": _whole_or_none,
    "register_bits": _whole_or_none,
    "clock_mhz": _fraction,
    "crystal_mhz": _fraction,
    "network": _network,
    "geometry": lambda v: _maps(v, int),
    "roofline": lambda v: isinstance(v, Mapping) and set(v) == {"core_fps", "system_fps", "limit"},
    "registers": lambda v: _maps(v, int),
    "flash": lambda v: _maps(v, str),
    "files": lambda v: _maps(v, str) and all(map(_plain, v)),
    "bitstream": lambda v: v is None or _plain(v),
    "bitstream_sha256": lambda v: v is None or _text(v),
    "fmax_mhz": lambda v: v is None or isinstance(v, int | float),
    "used": lambda v: v is None or _maps(v, list),
}
"""Test of each key's value."""
