"""Runs a C++ bench around a design in Verilator, as a process that is controlled over pipes."""

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from bitrill.errors import ToolError
from bitrill.processes import start, stop


class BenchProcess:
    """A running bench: commands go to its standard input, answers come from its standard output.

    ``options``: options of the bench, by name. ``seed``: seed of its random choices, and of the
    start values of flip-flops without an initial value. Raises a `ToolError` that names the ``log``
    once the bench has ended.
    """

    def __init__(self, program: Path, log: Path, *, seed: int, **options: object):
        self._log = log
        arguments = [
            str(program.resolve()),
            *(f"--{name}={value}" for name, value in options.items()),
            f"--seed={seed}",
            "+verilator+rand+reset+2",
            f"+verilator+seed+{seed % 0x7FFFFFFE + 1}",
        ]
        with log.open("wb") as errors:
            self._process = start(
                arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        pipes = (self._process.stdin, self._process.stdout)
        self._to, self._from = (cast(BinaryIO, pipe) for pipe in pipes)

    def send(self, data: bytes) -> None:
        """Send bytes to the bench."""
        try:
            self._to.write(data)
            self._to.flush()
        except BrokenPipeError:
            raise ToolError(f"the simulation ended; see {self._log}") from None

    def receive(self, n: int) -> bytes:
        """Return the next ``n`` bytes that the bench sends."""
        data = self._from.read(n)
        if len(data) != n:
            raise ToolError(f"the simulation ended; see {self._log}")
        return data

    def close(self) -> None:
        """End the simulation and close its pipes."""
        stop(self._process)
        self._from.close()
        with suppress(BrokenPipeError):  # bytes that the bench never read
            self._to.close()
