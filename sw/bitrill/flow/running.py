"""The verb `run`: runs the golden model on an array."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import SpecError, StorageError
from ..ir import Sink
from ..storage import write_array
from .builds import BuildLike, open_build
from .data import read_array
from .result import Json, Result, TextTable

ROWS_SHOWN, MOST_COLUMNS = 10, 20
"""Frames that a table of integers shows, and the largest number of integers of a frame."""


@dataclass(frozen=True, eq=False, repr=False)
class Outputs(Result):
    """Result of `run`.

    ``integers``: int64 ``[N, *shape]``, the results of the hardware; ``outputs``: the model's
    outputs by name, each ``[N, *shape]`` of the model's element type; ``files``: names of the files
    that they were written to, if any, the integers' last.
    """

    integers: np.ndarray
    outputs: Mapping[str, np.ndarray]
    files: tuple[str, ...] = ()

    @property
    def floats(self) -> np.ndarray:
        """The model's output, if it has only one."""
        if len(self.outputs) > 1:
            names = ", ".join(self.outputs)
            raise SpecError(f"floats is for models of one output; use outputs instead: {names}")
        return next(iter(self.outputs.values()))

    def summary(self) -> dict[str, object]:
        shapes = {name: list(y.shape[1:]) for name, y in self.outputs.items()}
        figures: dict[str, object] = {
            "samples": len(self.integers),
            "shape": shapes if len(shapes) > 1 else next(iter(shapes.values())),
        }
        return figures | ({"files": ", ".join(self.files)} if self.files else {})

    def tables(self) -> tuple[TextTable, ...]:
        columns = math.prod(self.integers.shape[1:])
        if not self.integers.size or columns > MOST_COLUMNS:
            return ()
        first = self.integers[:ROWS_SHOWN].reshape(-1, columns).tolist()
        head = ("integers of frame", *map(str, range(columns)))
        return (TextTable.of(head, [(k, *row) for k, row in enumerate(first)]),)

    def to_json(self) -> Json:
        value: Json = {"samples": len(self.integers)}
        if self.files:
            return value | {"files": list(self.files)}
        value["integers"] = self.integers.tolist()
        if len(self.outputs) == 1:
            return value | {"floats": _finite(self.floats)}
        return value | {"outputs": {name: _finite(y) for name, y in self.outputs.items()}}


def _finite(y: np.ndarray) -> list:
    """Return an array as lists for JSON, in which infinity and NaN become null."""
    plain = y.astype(object)
    plain[~np.isfinite(y)] = None
    return plain.tolist()


def run(
    build: BuildLike, input: str | Path | np.ndarray, *, out: str | Path | None = None
) -> Outputs:
    """Run the golden model on floats or integers ``[N, *shape of the model's input]``.

    ``input``: an array or a .npy file. ``out``: a .npy file for the model's output; several outputs
    go to ``Y.NAME.npy`` each, the integers to ``Y.int.npy``. Memory besides the outputs is bounded,
    however long the file is.
    """
    graph = open_build(build).graph
    target = None if out is None else output_file(out)
    array = read_array(Path(input)) if isinstance(input, str | Path) else np.asarray(input)
    integers = graph.run_floats(array) if array.dtype.kind == "f" else graph.run(array)
    return write_outputs(target, integers, model_outputs(graph.sink, integers))


def model_outputs(sink: Sink, integers: np.ndarray) -> dict[str, np.ndarray]:
    """Return the model's outputs by name, computed from a design's integers as in the driver."""
    from bitrill_boards.describe import output
    from bitrill_boards.driver import DriverError
    from bitrill_boards.driver.outputs import Outputs as Driven

    try:
        return Driven(output(sink)).of(sink.flatten(integers))
    except DriverError as error:
        raise StorageError(f"the graph's sink is damaged: {error}") from error


def integers_beside(path: str | Path) -> Path:
    """Return the file of the integers for the file of the floats: ``Y.int.npy`` for ``Y.npy``."""
    return Path(path).with_suffix(".int.npy")


def output_file(path: str | Path) -> Path:
    """Check the name of a file for outputs, and return it as a path."""
    path = Path(path)
    if path.suffix != ".npy":
        raise SpecError(f"the output file must end in .npy, not {path.name!r}")
    return path


def write_outputs(
    target: Path | None, integers: np.ndarray, outputs: Mapping[str, np.ndarray]
) -> Outputs:
    """Return outputs as a result, and write them if there is a ``target``."""
    if target is None:
        return Outputs(integers, outputs)
    from bitrill_boards.driver.output_files import files_of

    files = files_of(str(target), list(outputs))
    for file, name in files.items():
        write_array(Path(file), outputs[name])
    write_array(integers_beside(target), integers)
    return Outputs(integers, outputs, (*files, str(integers_beside(target))))
