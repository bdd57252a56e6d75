"""Reads boards from TOML files: those shipped in ``boards/``, and those in a folder of the user's.

There is one file for each board, named after it. `schema` defines what a file may contain.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitrill.errors import SpecError, StorageError
from bitrill.parts.devices import part_of
from bitrill.storage import read_bytes

from . import schema

SHIPPED = Path(__file__).parent / "boards"
SHARES = {"lut": 0.7, "ff": 0.5, "bram": 0.8, "dsp": 0.8}
"""Share of each resource that a design may use, unless a board's file gives another one."""


@dataclass(frozen=True)
class BoardResources:
    """Resources of a board's part.

    LUTs (with six inputs on Xilinx parts, else four), flip-flops, block memories of ``bram_kbit``
    kbit each, and multipliers.
    """

    lut: int
    ff: int
    bram: int
    bram_kbit: int
    dsp: int


@dataclass(frozen=True)
class BoardMemory:
    """DDR of ``ddr_bits`` bits at ``ddr_mts`` million transfers per second, and the ports to it."""

    ddr_bits: int
    ddr_mts: int
    ports: int
    port_bits: int


@dataclass(frozen=True)
class Pins:
    """Pins of a board on a serial line: clock, receive, transmit, and their I/O standard.

    ``high``: pins that must be held high.
    """

    clk: str
    rx: str
    tx: str
    standard: str | None = None
    high: tuple[str, ...] = ()

    @property
    def outputs(self) -> dict[str, str]:
        """Pins of the top module's outputs, by port."""
        return {"tx": self.tx, **{f"high{k}": pin for k, pin in enumerate(self.high)}}


@dataclass(frozen=True)
class Board:
    """A board, as its TOML file describes it.

    ``share``: share of each resource that a design may use. ``presets``: names of Vivado's board
    files, of which the first installed one is used; ``in_vivado``: they come with Vivado.
    ``pll_mhz``: rate of the processing system's I/O PLL, None for the family's default. ``pins``:
    None if the file does not name all pins; then `bitrill_boards.pins` completes ``given_pins``
    from the amaranth-boards ``platform``. ``proven``: what was done with the board, words of
    `schema.PROVEN`.
    """

    name: str
    title: str
    family: str
    part: str
    idcode: int | None
    clock_mhz: float
    crystal_mhz: float
    toolchains: tuple[str, ...]
    proven: tuple[str, ...]
    resources: BoardResources
    share: Mapping[str, float]
    memory: BoardMemory | None
    base: int | None
    baud: int | None
    presets: tuple[str, ...]
    in_vivado: bool
    pll_mhz: float | None
    flash: Mapping[str, str]
    pins: Pins | None
    platform: str | None
    given_pins: Mapping[str, object]

    @property
    def zynq(self) -> bool:
        return self.family in schema.ZYNQ

    @property
    def status(self) -> str:
        """What was done with the board, and what was never done, in words."""
        steps = [p for p in ("simulated", "placed and routed") if p in self.proven]
        if not steps:
            steps = ["files only"]
        if self.zynq:
            steps.append("run in Vivado" if "vivado" in self.proven else "never run in Vivado")
        steps.append("run on hardware" if "hardware" in self.proven else "never run on hardware")
        return ", ".join(steps)

    @property
    def link(self) -> str:
        """The link to its host: axi or uart."""
        return schema.LINKS[self.family]

    def usable(self, resource: str) -> int:
        """Return how many of ``lut``, ``ff``, ``bram`` or ``dsp`` a design may use."""
        return int(getattr(self.resources, resource) * self.share[resource])

    def to_json(self) -> dict[str, object]:
        """Return the board as ``boards --json`` prints it."""
        return {
            "name": self.name,
            "title": self.title,
            "family": self.family,
            "part": self.part,
            "clock_mhz": self.clock_mhz,
            "toolchains": list(self.toolchains),
            "link": self.link,
            "usable": {r: self.usable(r) for r in SHARES},
            "status": self.status,
        }


def load(path: Path) -> Board:
    """Read a board's TOML file; raise `SpecError` with everything that is wrong in it."""
    if not schema.is_word(schema.NAME, path.stem):
        raise SpecError(f"a board's name must be of {schema.WORDS}, not {path.stem!r}")
    try:
        raw = tomllib.loads(read_bytes(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SpecError(f"{path}: not TOML: {error}") from None
    problems = schema.check(raw)
    resources = None if problems else _resources(raw)
    if resources is None and not problems:
        problems = [
            f"table [resources] is missing, and part {raw['part']} is unknown (give lut, ff, bram,"
            " bram_kbit and dsp of its data sheet)"
        ]
    if resources is None:
        raise SpecError(f"{path}: {'; '.join(problems)}", problems=problems)
    return _board(path.stem, raw, resources)


def _resources(raw: Mapping[str, Any]) -> BoardResources | None:
    """Return the resources that the file states, else those of a known part."""
    if "resources" in raw:
        return BoardResources(**raw["resources"])
    try:
        p = part_of(raw["part"])
    except SpecError:
        return None
    return BoardResources(lut=p.lcs, ff=p.ff, bram=p.bram36, bram_kbit=36, dsp=p.dsp)


def _board(name: str, raw: Mapping[str, Any], resources: BoardResources) -> Board:
    given: dict[str, Any] = raw.get("pins", {})
    pins = {k: v for k, v in given.items() if k != "amaranth"}
    if "high" in pins:
        pins["high"] = tuple(pins["high"])
    ps, host = raw.get("ps", {}), raw["host"]
    return Board(
        name=name,
        **{k: raw[k] for k in ("title", "family", "part", "clock_mhz", "crystal_mhz")},
        idcode=raw.get("idcode"),
        toolchains=tuple(raw["toolchains"]),
        proven=tuple(raw["proven"]),
        resources=resources,
        share=SHARES | raw.get("share", {}),
        memory=BoardMemory(**raw["memory"]) if "memory" in raw else None,
        base=host.get("base"),
        baud=host.get("baud"),
        presets=tuple(ps.get("presets", ())),
        in_vivado=ps.get("in_vivado", False),
        pll_mhz=ps.get("pll_mhz"),
        flash=raw["flash"],
        pins=Pins(**pins) if {"clk", "rx", "tx"} <= set(pins) else None,
        platform=given.get("amaranth"),
        given_pins=pins,
    )


def paths(folder: str | Path | None = None) -> dict[str, Path]:
    """Return each board's file by name; a file in ``folder`` replaces the shipped one."""
    if folder is not None and not Path(folder).is_dir():
        raise StorageError(f"cannot read boards: {folder} is not a folder")
    own = [] if folder is None else Path(folder).glob("*.toml")
    return {p.stem: p for p in sorted((*SHIPPED.glob("*.toml"), *own), key=lambda p: p.stem)}


def find(name: str, folder: str | Path | None = None) -> Board:
    """Return the board of a name, in any case; raise a `SpecError` that lists the nearest ones."""
    known = paths(folder)
    if name.lower() in known:
        return load(known[name.lower()])
    near = difflib.get_close_matches(name.lower().replace("_", "-"), known, n=3, cutoff=0.4)
    hint = f"nearest: {', '.join(near)}" if near else f"known: {', '.join(known)}"
    raise SpecError(f"board must be a known one, not {name!r} ({hint})")


def every(folder: str | Path | None = None) -> list[Board]:
    """Return all boards, sorted by name."""
    return [load(path) for path in paths(folder).values()]
