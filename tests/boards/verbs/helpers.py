"""Helpers: a board that is the golden model, and refusals of the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bitrill import flow
from bitrill.ir import Graph
from bitrill_boards.driver import FrameTransport, Network, opening

Run = Callable[..., tuple[int, str, str]]


def refused(got: tuple[int, str, str], code: int, message: str) -> None:
    """Check that stderr has exactly one line, which matches."""
    assert got[:2] == (code, "")
    assert got[2].count("\n") == 1
    assert re.match(f"bitrill: error: {message}\n$", got[2]), got[2]


class Golden(FrameTransport):
    """A transport that is the golden model, behind a serial line of a board; ``fault``: a frame
    that comes back wrong."""

    align = 1

    def __init__(self, graph: Graph, folder: Path, fault: int | None = None):
        self.graph, self.fault = graph, fault
        self.net = Network.read(folder / "network.json")
        self.into, self.out = self.net.input.format(1), self.net.output.format(1)
        sizes = {"bytes_in": self.into.bytes, "bytes_out": self.out.bytes}
        self.device = SimpleNamespace(digest=self.net.digest, clock_hz=100_000_000, **sizes)

    def run(self, frames: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
        for k, frame in enumerate(frames):
            x = self.into.unpack(np.frombuffer(frame, np.uint8))
            y = self.graph.run(x.reshape(1, *self.graph.source.shape))
            data = bytearray(self.out.pack(y).tobytes())
            data[0] ^= k == self.fault
            yield bytes(data), 1000

    notes = ("the line is short",)

    def close(self) -> None: ...


def wired(monkeypatch: pytest.MonkeyPatch, build: flow.Build, fault: int | None = None) -> list:
    """Put a board at every port; returns the ports that were opened."""
    asked: list[tuple[Any, ...]] = []

    def opened(folder: Path, kind: str | None, port: str | None) -> tuple[str, Golden]:
        asked.append((kind, port))
        return "uart", Golden(build.graph, folder, fault)

    monkeypatch.setattr(opening, "open_transport", opened)
    return asked
