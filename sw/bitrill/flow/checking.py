"""The verb `check`: a model file against outputs that were recorded elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import SpecError
from ..ir import Graph
from .boundaries import Agreement, Boundaries, Flip, first
from .compile_options import Numbers
from .data import on_grid, read_array, to_integers
from .extras import Progress, logged
from .result import Json, Result
from .steps import load

UNEXPLAINED = 3
"""Unexplained frames after which a check stops looking for explanations."""

CHUNK = 256
"""Frames that are evaluated between two signs of progress."""


@dataclass(frozen=True, repr=False)
class Checked(Result):
    """Result of `check`.

    ``differ``: frames of which any output disagrees; ``boundary``: how many of them are proven to
    come from decisions within float32's error of a boundary; ``decisions_differ``: frames whose
    largest output (lowest index among equals) is another, counted where the output is one vector;
    ``proofs``: one line for each proven frame; ``faults``: one line for each frame that no such
    decision explains, at most `UNEXPLAINED` of them.
    """

    model: str
    samples: int
    differ: int
    decisions_differ: int
    proofs: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every difference is proven to be float rounding at a boundary."""
        return not self.faults

    @property
    def boundary(self) -> int:
        return len(self.proofs)

    def summary(self) -> dict[str, object]:
        return {
            "samples": self.samples,
            "differ": self.differ,
            "boundary": self.boundary,
            "decisions_differ": self.decisions_differ,
        }

    def to_json(self) -> Json:
        return self.summary() | {"proofs": list(self.proofs), "faults": list(self.faults)}


def check(
    model: str | Path,
    *,
    inputs: str | Path | np.ndarray,
    outputs: str | Path | np.ndarray,
    raw_input: str | None = None,
    input_scale: Numbers | None = None,
    input_offset: Numbers | None = None,
    progress: Progress = logged,
) -> Checked:
    """Compare a model file with ``outputs`` that another program gave for ``inputs``.

    Both are arrays or .npy files, ``[N, *shape]`` as in the model. The network is evaluated
    exactly; each frame that disagrees must be explained by decisions that lie so near to a boundary
    that float32 may take them otherwise (`bitrill.flow.boundaries`). Where none explains it, the
    file is another network than the one that was recorded.
    """
    graph = load(model, raw_input, input_scale, input_offset)
    if not graph.sink.is_plain:
        host = ", ".join(dict.fromkeys(f.op for f in graph.sink.functions)) or "several outputs"
        raise SpecError(
            f"the model must end in one output that is a scale times integers, not in {host}:"
            " cut it there, and record what is in front"
        )
    x, recorded = _array(inputs), _recorded(graph, outputs)
    graph.source.check_shape(x)
    if len(x) != len(recorded):
        raise SpecError(f"outputs must be {len(x)} frames, one an input, not {len(recorded)}")
    boundaries = Boundaries(graph)
    errors = boundaries.errors if graph.sink.scale else np.zeros(1)
    ours, wrong = [], []
    for k in range(0, len(x), CHUNK):
        progress("comparing", k, len(x))
        integers = graph.run(_integers(graph, x[k : k + CHUNK]))
        agreement = Agreement(graph, recorded[k : k + CHUNK], errors)
        ours.append(integers)
        wrong.append(agreement.wrong(integers).reshape(len(integers), -1).any(1))
    integers = np.concatenate([*ours, np.empty((0, *graph.sink.shape), np.int64)])
    differing = np.flatnonzero(np.concatenate([*wrong, np.empty(0, bool)]))
    proofs: list[str] = []
    faults: list[str] = []
    for done, k in enumerate(map(int, differing)):
        progress("explaining differences", done, len(differing))
        agreement = Agreement(graph, recorded[k : k + 1], errors)
        frame = x[k : k + 1]
        flips = boundaries.explained(frame, _integers(graph, frame), agreement)
        if flips is None:
            faults.append(_fault(k, agreement, integers[k : k + 1]))
        else:
            proofs.append(_proof(k, flips))
        if len(faults) == UNEXPLAINED:
            break
    return Checked(
        model=str(model),
        samples=len(x),
        differ=len(differing),
        decisions_differ=_decisions_differ(graph, integers, recorded),
        proofs=tuple(proofs),
        faults=tuple(faults),
    )


def _array(given: str | Path | np.ndarray) -> np.ndarray:
    return read_array(Path(given)) if isinstance(given, str | Path) else np.asarray(given)


def _recorded(graph: Graph, outputs: str | Path | np.ndarray) -> np.ndarray:
    """Read recorded outputs, and check their shape."""
    recorded = _array(outputs)
    if recorded.shape[1:] != graph.sink.shape or recorded.ndim == 0:
        want = ", ".join(["N", *map(str, graph.sink.shape)])
        raise SpecError(f"outputs must have shape [{want}], not {list(recorded.shape)}")
    return recorded


def _integers(graph: Graph, x: np.ndarray) -> np.ndarray:
    """Return the integers of frames; floats for a raw input must lie on its grid."""
    return on_grid(graph, x) if x.dtype.kind == "f" else to_integers(graph, x)


def _decisions_differ(graph: Graph, integers: np.ndarray, recorded: np.ndarray) -> int:
    if sum(n > 1 for n in graph.sink.shape) > 1:
        return 0
    ours, theirs = graph.sink.dequantize(integers), recorded
    if graph.sink.scale:
        ours, theirs = (y.reshape(len(y), -1).argmax(1) for y in (ours, theirs))
    return int((ours != theirs).reshape(len(ours), -1).any(1).sum())


def _proof(sample: int, flips: list[Flip]) -> str:
    farthest = max(f.nearness for f in flips)
    return (
        f"sample {sample}: {first(flips)} instead, within {100 * farthest:.3g} % of the float error"
        " of a boundary, gives what was recorded"
    )


def _fault(sample: int, agreement: Agreement, integers: np.ndarray) -> str:
    """Name the first output of a frame that disagrees."""
    wrong = agreement.wrong(integers)
    place = tuple(map(int, np.argwhere(wrong)[0]))
    ours = agreement.graph.sink.dequantize(integers)
    return (
        f"sample {sample}: {int(wrong.sum())} of {wrong.size} outputs differ; element"
        f" {list(place[1:])} is {float(ours[place])!r} by the file,"
        f" {float(agreement.recorded[place])!r} as recorded; no decision near a boundary"
        " explains it"
    )
