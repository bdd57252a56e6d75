"""Boards: one TOML each, shipped in ``boards/``, or in a folder of the user's.

A file's name is the board's. `load` checks it against `schema`; `find` knows all by name.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitrill.errors import SpecError, StorageError
from bitrill.parts.devices import part_of

from . import schema

SHIPPED = Path(__file__).parent / "boards"
SHARES = {"lut": 0.7, "ff": 0.5, "bram": 0.8, "dsp": 0.8}
"""Of each resource, how much to plan for where a board's file says nothing."""


@dataclass(frozen=True)
class BoardResources:
    """LUTs (of six inputs on Xilinx parts, else four), flip-flops, block memories of
    ``bram_kbit`` kbit, multipliers."""

    lut: int
    ff: int
    bram: int
    bram_kbit: int
    dsp: int


@dataclass(frozen=True)
class BoardMemory:
    """DDR of ``ddr_bits`` at ``ddr_mts`` million transfers a second, and the fabric's ports."""

    ddr_bits: int
    ddr_mts: int
    ports: int
    port_bits: int

    @property
    def peak(self) -> float:
        """Bytes a second that the DDR moves at best."""
        return self.ddr_bits / 8 * self.ddr_mts * 1e6


@dataclass(frozen=True)
class Pins:
    """``clk``, ``rx`` and ``tx`` of a small board, and their I/O standard; ``high``: others, which
    the board wants held high."""

    clk: str
    rx: str
    tx: str
    standard: str | None = None
    high: tuple[str, ...] = ()

    @property
    def outputs(self) -> dict[str, str]:
        """Ports that are driven, by name."""
        return {"tx": self.tx, **{f"high{k}": pin for k, pin in enumerate(self.high)}}


@dataclass(frozen=True)
class Board:
    """What a board is; ``share``: how much of each resource a design may use.

    ``presets``: names of Vivado's board files, the first one installed is taken; ``in_vivado``:
    they come with Vivado; ``pll_mhz``: of the processing system's PLL of I/O, where it is not what
    is usual in the family. ``pins``: where the file gives all of them; else ``given_pins`` and
    those of the amaranth-boards ``platform``, see `bitrill_boards.pins`. ``proven``: what was done
    with it, of `schema.PROVEN`.
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
    given_pins: Mapping[str, Any]

    @property
    def zynq(self) -> bool:
        return self.family in schema.ZYNQ

    @property
    def status(self) -> str:
        """What was done with it and what never was, in words."""
        said = [p for p in ("simulated", "placed and routed") if p in self.proven]
        if not said:
            said = ["files only"]
        if self.zynq:
            said.append("run in Vivado" if "vivado" in self.proven else "never run in Vivado")
        said.append("run on hardware" if "hardware" in self.proven else "never run on hardware")
        return ", ".join(said)

    def usable(self, resource: str) -> int:
        """How many of ``lut``, ``ff``, ``bram`` or ``dsp`` a design may use."""
        return int(getattr(self.resources, resource) * self.share[resource])

    def to_json(self) -> dict[str, Any]:
        """What ``boards --json`` prints of one."""
        return {
            "name": self.name,
            "title": self.title,
            "family": self.family,
            "part": self.part,
            "clock_mhz": self.clock_mhz,
            "toolchains": list(self.toolchains),
            "link": schema.LINKS[self.family],
            "usable": {r: self.usable(r) for r in SHARES},
            "status": self.status,
        }


def load(path: Path) -> Board:
    """The board of a TOML file; raises `SpecError` with all that is wrong in it."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not TOML: {error}") from None
    problems = schema.check(raw)
    resources: dict[str, Any] | None = raw.get("resources")
    if not problems and resources is None:
        try:
            p = part_of(raw["part"])
            resources = {"lut": p.lcs, "ff": p.ff, "bram": p.bram36, "bram_kbit": 36, "dsp": p.dsp}
        except SpecError:
            problems = [f"table [resources] is missing: nothing is known of part {raw['part']}"]
    if problems or resources is None:
        raise SpecError(f"{path}: {'; '.join(problems)}", problems=problems)
    given: dict[str, Any] = raw.get("pins", {})
    pins = {k: v for k, v in given.items() if k != "amaranth"}
    if "high" in pins:
        pins["high"] = tuple(pins["high"])
    ps, host = raw.get("ps", {}), raw["host"]
    return Board(
        name=path.stem,
        **{k: raw[k] for k in ("title", "family", "part", "clock_mhz", "crystal_mhz")},
        idcode=raw.get("idcode"),
        toolchains=tuple(raw["toolchains"]),
        proven=tuple(raw["proven"]),
        resources=BoardResources(**resources),
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


def paths(folder: Path | None = None) -> dict[str, Path]:
    """``{name: file}``, shipped ones and those of ``folder``, which come first."""
    if folder is not None and not folder.is_dir():
        raise StorageError(f"cannot read boards: {folder} is not a folder")
    own = [] if folder is None else sorted(folder.glob("*.toml"))
    found = {p.stem: p for p in (*sorted(SHIPPED.glob("*.toml")), *own)}
    return dict(sorted(found.items()))


def find(name: str, folder: Path | None = None) -> Board:
    """The board of a name; an unknown one is refused with the nearest names."""
    known = paths(folder)
    if name in known:
        return load(known[name])
    near = difflib.get_close_matches(name.lower().replace("_", "-"), known, n=3, cutoff=0.4)
    told = f"nearest: {', '.join(near)}" if near else f"known: {', '.join(known)}"
    raise SpecError(f"board must be one of those known, not {name!r} ({told})")


def every(folder: Path | None = None) -> list[Board]:
    """All boards by name."""
    return [load(path) for path in paths(folder).values()]
