"""The verb `run`: the golden model on an array."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import SpecError
from ..storage import write_array
from .builds import BuildLike, open_build
from .data import read_array
from .result import Json, Result


@dataclass(frozen=True, eq=False, repr=False)
class Outputs(Result):
    """Result of `run`.

    ``integers``: int64 ``[N, *shape]`` as the hardware gives them; ``floats``: what they stand
    for, float64; ``files``: names of the files they were written to, if any.
    """

    integers: np.ndarray
    floats: np.ndarray
    files: tuple[str, ...] = ()

    def summary(self) -> dict[str, object]:
        figures: dict[str, object] = {
            "samples": len(self.integers),
            "shape": list(self.integers.shape[1:]),
        }
        return figures | ({"files": ", ".join(self.files)} if self.files else {})

    def to_json(self) -> Json:
        value: Json = {"samples": len(self.integers)}
        if self.files:
            return value | {"files": list(self.files)}
        return value | {"integers": self.integers.tolist(), "floats": self.floats.tolist()}


def run(
    build: BuildLike, input: str | Path | np.ndarray, *, out: str | Path | None = None
) -> Outputs:
    """Run the golden model on floats or integers ``[N, *shape of the model's input]``.

    ``input``: an array or a .npy file. ``out``: a .npy file for the floats; the integers go beside
    it (see `integers_beside`). Memory beyond the outputs is bounded, however long the file is.
    """
    graph = open_build(build).graph
    target = None if out is None else output_file(out)
    array = read_array(Path(input)) if isinstance(input, str | Path) else np.asarray(input)
    integers = graph.run_floats(array) if array.dtype.kind == "f" else graph.run(array)
    return write_outputs(target, integers, graph.sink.dequantize(integers))


def integers_beside(path: str | Path) -> Path:
    """The file of the integers beside that of the floats: ``Y.int.npy`` for ``Y.npy``."""
    return Path(path).with_suffix(".int.npy")


def output_file(path: str | Path) -> Path:
    """Check the name of a file for outputs."""
    path = Path(path)
    if path.suffix != ".npy":
        raise SpecError(f"the output file must end in .npy, not {path.name!r}")
    return path


def write_outputs(target: Path | None, integers: np.ndarray, floats: np.ndarray) -> Outputs:
    """Return outputs as a result, and write them if there is a ``target``."""
    if target is None:
        return Outputs(integers, floats)
    write_array(target, floats)
    write_array(integers_beside(target), integers)
    return Outputs(integers, floats, (str(target), str(integers_beside(target))))
