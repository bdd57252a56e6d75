"""The C driver of a network with its links, and images for it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from bitrill.ir import Graph
from bitrill.timing.predict import predict
from bitrill_boards.describe import describe
from bitrill_boards.simulation.simulated_axi import SimulatedShell
from boards.c_driver.compiled import c_type, program
from support import HANG_SECONDS

FRAMES = 1000


class Linked:
    """The driver as a program, ``images`` (floats) and the golden model's integers for them.

    ``changes``: what the driver is told otherwise than the network's ``network.json`` has it.
    """

    def __init__(self, graph: Graph, folder: Path, **changes: object):
        self.folder = folder
        self.spec: dict[str, Any] = describe(graph, predict(graph)) | changes
        self.program = program(self.spec, "links.c", folder, "-DNET_LINUX")
        rng = np.random.default_rng(18)
        self.images = rng.normal(0, 1, (FRAMES, *graph.source.shape)).astype(np.float32)
        self.images.tofile(folder / "images")
        self.wanted = graph.run(graph.source.quantize(self.images)).reshape(FRAMES, -1)

    def run(self, *arguments: str, **pipes: object) -> tuple[np.ndarray, int, int]:
        """Results, cycles in all, and requests that were sent again; an error as `ValueError`."""
        images, results = self.folder / "images", self.folder / "results"
        done = subprocess.run(
            [str(self.program), str(images), str(results), *arguments],
            stderr=subprocess.PIPE,
            timeout=HANG_SECONDS,
            check=False,
            **pipes,  # type: ignore[arg-type]
        )
        if done.returncode:
            raise ValueError(done.stderr.decode())
        found = np.fromfile(results, c_type(self.spec["output"])).reshape(FRAMES, -1)
        cycles, resent = map(int, done.stderr.split())
        return found, cycles, resent

    def through(self, shell: SimulatedShell, batch: int = 300) -> tuple[np.ndarray, int, int]:
        """Run over the pipes of a simulated shell."""
        return self.run("axi", str(batch), stdin=shell._from, stdout=shell._to)
