"""Finds the pins of a board without a processor, on a serial line.

They are in the board's TOML file, or in the amaranth-boards platform that it names: ``clk`` is the
platform's default clock, ``rx`` and ``tx`` are those of its resource ``uart`` 0. Pins in the file
take precedence. The platform is only read: none of its methods is called.
"""

import difflib
from importlib import import_module
from typing import Any

from bitrill.errors import SpecError, ToolError

from .board import Board, Pins

PACKAGE = "amaranth_boards"
STANDARD = "IO_TYPE"
"""Attribute with the I/O standard. An iCE40's IO_STANDARD is ignored: the supply decides there."""


def of(board: Board) -> Pins:
    """Return a board's pins.

    Raises `SpecError` if the platform lacks a pin or contradicts the file, `ToolError` if
    amaranth-boards is not installed.
    """
    if board.pins is not None:
        return board.pins
    if board.platform is None:
        raise SpecError(
            f"board {board.name}: [pins] must have clk, rx and tx, or amaranth = MODULE:CLASS"
        )
    platform = _Platform(board, board.platform, _class(board, board.platform))
    given = dict(board.given_pins)
    if "clk" not in given:
        given["clk"] = platform.clock()
    for name in ("rx", "tx"):
        if name not in given:
            given[name] = platform.serial(name)
    standards = sorted(platform.standards)
    if "standard" not in given and len(standards) > 1:
        raise SpecError(
            f"{platform.prefix} gives its pins several I/O standards, {', '.join(standards)}:"
            " give clk, rx, tx and standard in [pins]"
        )
    return Pins(**{"standard": standards[0] if standards else None, **given})


class _Platform:
    """A platform's class ``cls`` and its ``name``, ``MODULE:CLASS``.

    ``standards``: I/O standards of the pins looked up so far; ``prefix``: begins its messages.
    """

    def __init__(self, board: Board, name: str, cls: Any):
        self.board, self.cls = board, cls
        self.prefix = f"board {board.name}: {name}"
        self.standards: set[str] = set()

    def clock(self) -> str:
        name = getattr(self.cls, "default_clk", None)
        resource = self._resource(name, 0) if isinstance(name, str) else None
        if resource is None or resource.clock is None:
            raise SpecError(f"{self.prefix} has no default clock at a pin: give clk in [pins]")
        mhz = resource.clock.frequency / 1e6
        if mhz != self.board.crystal_mhz:
            raise SpecError(
                f"board {self.board.name}: crystal_mhz must be {mhz:g}, as its platform's {name}"
                f" says, not {self.board.crystal_mhz:g}"
            )
        return self._pin(resource, resource, "clk")

    def serial(self, name: str) -> str:
        resource = self._resource("uart", 0)
        signals = {s.name: s for s in resource.ios} if resource is not None else {}
        if name not in signals:
            what = "no resource uart" if resource is None else f"no {name} in its resource uart"
            raise SpecError(f"{self.prefix} has {what}: give rx and tx in [pins]")
        return self._pin(resource, signals[name], name)

    def _resource(self, name: str, number: int) -> Any:
        every = {(r.name, r.number): r for r in getattr(self.cls, "resources", ())}
        return every.get((name, number))

    def _pin(self, resource: Any, signal: Any, name: str) -> str:
        """Return the single pin of a signal; a connector's pin is followed to the package."""
        pins = signal.ios[0]
        if not hasattr(pins, "map_names") or len(pins) != 1 or pins.invert:
            raise SpecError(f"{self.prefix}: {name} must be a single pin, not {pins!r}")
        attrs = {**resource.attrs, **signal.attrs}
        if STANDARD in attrs:
            self.standards.add(str(attrs[STANDARD]))
        wired = {k: v for c in getattr(self.cls, "connectors", ()) for k, v in c}
        return pins.map_names(wired, resource)[0]


def _class(board: Board, platform: str) -> Any:
    """Import a platform's class; only modules of amaranth-boards are imported."""
    module, _, name = platform.partition(":")
    if not module.startswith(f"{PACKAGE}."):
        raise SpecError(
            f"board {board.name}: pins.amaranth must be {PACKAGE}.MODULE:CLASS, not {platform!r}"
        )
    try:
        import_module(PACKAGE)
    except ImportError:
        raise ToolError(
            f"board {board.name}: its pins are those of an amaranth-boards platform, which is"
            " not installed: pip install amaranth-boards",
            missing=True,
        ) from None
    try:
        platforms = import_module(module)
    except ImportError:
        raise SpecError(f"board {board.name}: amaranth-boards has no module {module}") from None
    if not hasattr(platforms, name):
        known = [n for n in dir(platforms) if n.endswith("Platform")]
        near = difflib.get_close_matches(name, known, n=3)
        hint = f" (nearest: {', '.join(near)})" if near else ""
        raise SpecError(f"board {board.name}: {module} has no platform {name}{hint}")
    return getattr(platforms, name)
