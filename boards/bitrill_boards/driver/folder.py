"""Reads a board's folder, which ``bitrill build`` wrote."""

from __future__ import annotations

import json
import os
import zlib
from fractions import Fraction
from typing import Any
from zipfile import BadZipFile

import numpy as np

from .driver_errors import DriverError
from .network import Network

NEEDED = {
    "axi": ("board", "family", "part", "base", "clock_mhz", "crystal_mhz", "register_bits"),
    "uart": ("board", "baud", "clock_mhz"),
}
"""Keys that ``board.json`` must have, by its ``link``."""

BITSTREAM = "bitrill.bit"
"""Name of a bitstream that a user made by hand in the folder of a Zynq board."""


class Folder:
    """A board's folder; ``manifest``: its ``board.json``, with the keys that the driver needs."""

    def __init__(self, path: str | os.PathLike[str]):
        self.path = os.fspath(path)
        self.manifest = self._json("board.json")
        link = self.manifest.get("link")
        if link not in NEEDED:
            raise DriverError(
                f"{self._of('board.json')} must have link {' or '.join(NEEDED)}, not {link!r}"
            )
        lacks = [k for k in NEEDED[link] if self.manifest.get(k) is None]
        if lacks:
            raise DriverError(
                f"{self._of('board.json')} lacks {', '.join(lacks)}: build the folder again"
            )
        self.link = str(link)

    @property
    def clock_mhz(self) -> Fraction:
        return Fraction(self.manifest["clock_mhz"])

    @property
    def bitstream(self) -> str:
        """Path of the bitstream, built or made by hand; `DriverError` if there is none."""
        by_hand = self._of(BITSTREAM)
        name = self.manifest.get("bitstream")
        if not name and not os.path.exists(by_hand):
            raise DriverError(
                f"{self.path} has no bitstream: the tools did not run, or failed; see README.md"
            )
        return self._of(name) if name else by_hand

    def network(self) -> Network:
        return Network(self._json("network.json"))

    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return recorded inputs and outputs, for the self-test."""
        path = self._of("vectors.npz")
        try:
            with np.load(path, allow_pickle=False) as file:
                return file["inputs"], file["outputs"]
        except (AttributeError, EOFError, KeyError, MemoryError, OSError, ValueError) as error:
            raise DriverError(f"cannot read {path}: {error}") from None
        except (BadZipFile, zlib.error) as error:
            raise DriverError(f"cannot read {path}: {error}") from None

    def _of(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _json(self, name: str) -> dict[str, Any]:
        try:
            with open(self._of(name), encoding="utf-8") as file:
                value = json.load(file)
        except FileNotFoundError:
            raise DriverError(
                f"{self.path} is no board's folder, or not whole: {name} is missing"
                " (bitrill build BOARD BUILD makes it)"
            ) from None
        except (OSError, ValueError) as error:
            raise DriverError(f"cannot read {self._of(name)}: {error}") from None
        if not isinstance(value, dict):
            raise DriverError(f"{self._of(name)} must hold a JSON object")
        return value
