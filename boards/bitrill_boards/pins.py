"""Pins of a small board: those of its file, or of the amaranth-boards platform that it names.

Of a platform, ``clk`` is its default clock, ``rx`` and ``tx`` are its resource ``uart`` 0; what
the file gives beside it stands. The platform is read, nothing of it is called.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from bitrill.errors import SpecError, ToolError

from .board import Board, Pins

PACKAGE = "amaranth_boards"
STANDARD = "IO_TYPE"
"""The attribute that names an I/O standard. (An iCE40's IO_STANDARD does not: its banks' supply
decides.)"""


def of(board: Board) -> Pins:
    """Raises `SpecError` where the platform lacks something or contradicts the file, `ToolError`
    where amaranth-boards is not installed."""
    if board.pins is not None:
        return board.pins
    if board.platform is None:
        raise SpecError(f"board {board.name}: [pins] must have clk, rx and tx, or amaranth")
    found = _Platform(board, board.platform, _class(board, board.platform))
    given = dict(board.given_pins)
    if "clk" not in given:
        given["clk"] = found.clock()
    for name in ("rx", "tx"):
        if name not in given:
            given[name] = found.serial(name)
    standards = sorted(found.standards)
    if "standard" not in given and len(standards) > 1:
        raise SpecError(
            f"{found.who} gives its pins several I/O standards, {', '.join(standards)}:"
            " give clk, rx, tx and standard in [pins]"
        )
    return Pins(**{"standard": standards[0] if standards else None, **given})


class _Platform:
    """A platform's class; ``standards``: of the pins asked for so far."""

    def __init__(self, board: Board, text: str, cls: Any):
        self.board, self.cls = board, cls
        self.who = f"board {board.name}: {text}"
        self.standards: set[str] = set()

    def clock(self) -> str:
        name = getattr(self.cls, "default_clk", None)
        resource = self._resource(name, 0) if isinstance(name, str) else None
        if resource is None or resource.clock is None:
            raise SpecError(f"{self.who} has no default clock at a pin: give clk in [pins]")
        mhz = resource.clock.frequency / 1e6
        if mhz != self.board.crystal_mhz:
            raise SpecError(
                f"board {self.board.name}: crystal_mhz must be {mhz:g}, as of {name} of its"
                f" platform, not {self.board.crystal_mhz:g}"
            )
        return self._pin(resource, resource, "clk")

    def serial(self, name: str) -> str:
        resource = self._resource("uart", 0)
        signals = {s.name: s for s in resource.ios} if resource is not None else {}
        if name not in signals:
            what = "no resource uart" if resource is None else f"no {name} in its resource uart"
            raise SpecError(f"{self.who} has {what}: give rx and tx in [pins]")
        return self._pin(resource, signals[name], name)

    def _resource(self, name: str, number: int) -> Any:
        every = {(r.name, r.number): r for r in getattr(self.cls, "resources", ())}
        return every.get((name, number))

    def _pin(self, resource: Any, signal: Any, name: str) -> str:
        """The one pin of a signal, through connectors."""
        pins = signal.ios[0]
        if not hasattr(pins, "map_names") or len(pins) != 1 or pins.invert:
            raise SpecError(f"{self.who}: {name} must be a single pin, not {pins!r}")
        attrs = {**resource.attrs, **signal.attrs}
        if STANDARD in attrs:
            self.standards.add(str(attrs[STANDARD]))
        wired = {k: v for c in getattr(self.cls, "connectors", ()) for k, v in c}
        return pins.map_names(wired, resource)[0]


def _class(board: Board, text: str) -> Any:
    """The platform's class, of amaranth-boards alone."""
    module, _, name = text.partition(":")
    if not module.startswith(f"{PACKAGE}."):
        raise SpecError(
            f"board {board.name}: pins.amaranth must be {PACKAGE}.MODULE:CLASS, not {text!r}"
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
        found = import_module(module)
    except ImportError:
        raise SpecError(f"board {board.name}: amaranth-boards has no module {module}") from None
    if not hasattr(found, name):
        near = difflib.get_close_matches(name, list(_platforms(found)), n=3)
        hint = f" (nearest: {', '.join(near)})" if near else ""
        raise SpecError(f"board {board.name}: {module} has no platform {name}{hint}")
    return getattr(found, name)


def _platforms(module: Any) -> Iterator[str]:
    return (n for n in dir(module) if n.endswith("Platform"))


__all__ = ["of"]
