"""The verb `check`: compares a model file with outputs that another program recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ..errors import SpecError
from ..ir import Graph
from .agreement import Agreement
from .compile_options import Numbers
from .data import on_grid, read_array, to_integers
from .extras import Progress, logged
from .import_and_fold import load
from .result import Json, Result
from .rounding_proofs import Boundaries, Flip, first
from .weights import read_weights

Recorded: TypeAlias = str | Path | np.ndarray | Mapping[str, np.ndarray]
"""Outputs: an array or a .npy file; several by their names, as a mapping or a .npz file."""

UNEXPLAINED = 3
"""Number of unexplained frames after which a check stops looking for explanations."""

CHUNK = 256
"""Number of frames evaluated between two reports of progress."""


@dataclass(frozen=True, repr=False)
class Checked(Result):
    """Result of `check`.

    ``differ``: number of frames with an output that disagrees; ``boundary``: how many of them are
    proven to follow from decisions within float32's error of a boundary; ``decisions_differ``:
    frames with another largest output (lowest index among equals), counted if the output is one
    vector; ``proofs``: one line for each proven frame; ``faults``: one line for each frame that no
    such decision explains, at most `UNEXPLAINED`.
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
    outputs: Recorded,
    raw_input: str | None = None,
    input_scale: Numbers | None = None,
    input_offset: Numbers | None = None,
    progress: Progress = logged,
) -> Checked:
    """Compare a model file with ``outputs`` that another program computed for ``inputs``.

    ``inputs``: an array or .npy file, ``[N, *shape]`` as in the model; ``outputs``: the same, or,
    for a model with several outputs, a mapping or a .npz file by their names. The network is
    evaluated exactly; each frame that disagrees must be explained by decisions so close to a
    boundary that float32 may take them differently (`bitrill.flow.rounding_proofs`). If none
    explains it, the file is another network than the one that was recorded.
    """
    graph = load(model, raw_input, input_scale, input_offset)
    x = read_array(Path(inputs)) if isinstance(inputs, str | Path) else np.asarray(inputs)
    graph.source.check_shape(x)
    boundaries = Boundaries(graph)
    whole = Agreement(graph, {}, boundaries.errors)
    recorded = _recorded(outputs, whole.outputs(np.zeros((0, *graph.sink.tensor.shape))), len(x))
    codes, ours, wrong, undecided = [], [], [], 0
    for k in range(0, len(x), CHUNK):
        progress("comparing", k, len(x))
        codes.append(_integers(graph, x[k : k + CHUNK]))
        ours.append(graph.run(codes[-1]))
        agreement = replace(whole, recorded=_frames(recorded, k, CHUNK))
        wrong.append(_any([*agreement.wrong(ours[-1]).values()], len(ours[-1])))
        undecided += _decisions_differ(agreement, graph.sink.flatten(ours[-1]))
    differing = np.flatnonzero(np.concatenate([*wrong, np.empty(0, bool)]))
    proofs: list[str] = []
    faults: list[str] = []
    for done, k in enumerate(map(int, differing)):
        progress("explaining differences", done, len(differing))
        agreement = replace(whole, recorded=_frames(recorded, k, 1))
        chunk, place = divmod(k, CHUNK)
        frame = codes[chunk][place : place + 1]
        flips = boundaries.explained(x[k : k + 1], frame, agreement)
        if flips is None:
            faults.append(_fault(k, agreement, ours[chunk][place : place + 1]))
        else:
            proofs.append(_proof(k, flips))
        if len(faults) == UNEXPLAINED:
            break
    return Checked(
        model=str(model),
        samples=len(x),
        differ=len(differing),
        decisions_differ=undecided,
        proofs=tuple(proofs),
        faults=tuple(faults),
    )


def _recorded(
    outputs: Recorded, empty: Mapping[str, np.ndarray], samples: int
) -> dict[str, np.ndarray]:
    """Read and check recorded outputs; ``empty``: the model's outputs, without frames."""
    given = outputs
    if isinstance(given, str | Path):
        path = Path(given)
        given = read_weights(path) if path.suffix == ".npz" else read_array(path)
    if not isinstance(given, Mapping):
        if len(empty) > 1:
            raise SpecError(f"outputs must be a .npz file of {', '.join(empty)}, not one array")
        given = dict.fromkeys(empty, np.asarray(given))
    if len(given) == len(empty) == 1:
        given = dict(zip(empty, given.values(), strict=True))
    if set(given) != set(empty):
        raise SpecError(f"outputs must be {', '.join(empty)}, not {', '.join(given) or 'none'}")
    for name, want in empty.items():
        y = given[name]
        whose = "outputs" if len(empty) == 1 else f"output {name}"
        if y.shape[1:] != want.shape[1:] or y.ndim == 0:
            shape = ", ".join(["N", *map(str, want.shape[1:])])
            raise SpecError(f"{whose} must have shape [{shape}], not {list(y.shape)}")
        if len(y) != samples:
            raise SpecError(f"{whose} must have {samples} frames, one per input, not {len(y)}")
    return {name: given[name] for name in empty}


def _frames(recorded: Mapping[str, np.ndarray], start: int, count: int) -> dict[str, np.ndarray]:
    return {name: y[start : start + count] for name, y in recorded.items()}


def _any(flags: list[np.ndarray], samples: int) -> np.ndarray:
    """Return for each sample whether any flag is set."""
    return np.any([f.reshape(samples, -1).any(1) for f in flags], 0)


def _integers(graph: Graph, x: np.ndarray) -> np.ndarray:
    """Return the integers of frames; floats for a raw input must be on its grid."""
    return on_grid(graph, x) if x.dtype.kind == "f" else to_integers(graph, x)


def _decisions_differ(agreement: Agreement, edge: np.ndarray) -> int:
    """Count frames in which an output that is one vector of numbers has another largest number."""
    differ: list[np.ndarray] = []
    for name, ours in agreement.outputs(edge).items():
        theirs = agreement.recorded[name]
        if ours.dtype.kind != "f":
            differ.append(ours != theirs)
        elif sum(n > 1 for n in ours.shape[1:]) <= 1:
            pair = (y.reshape(len(y), -1).argmax(1) for y in (ours, theirs))
            differ.append(np.not_equal(*pair))
    return int(_any(differ, len(edge)).sum()) if differ else 0


def _proof(sample: int, flips: list[Flip]) -> str:
    farthest = max(f.nearness for f in flips)
    return (
        f"sample {sample}: {first(flips)} instead, within {100 * farthest:.3g} % of the float error"
        " of a boundary, results in the recorded outputs"
    )


def _fault(sample: int, agreement: Agreement, integers: np.ndarray) -> str:
    """Name the first element of a frame's outputs that disagrees."""
    wrong = agreement.wrong(integers)
    name = next(name for name, w in wrong.items() if w.any())
    place = tuple(map(int, np.argwhere(wrong[name])[0]))
    ours = agreement.outputs(agreement.graph.sink.flatten(integers))[name]
    count = sum(int(w.sum()) for w in wrong.values())
    total = sum(w.size for w in wrong.values())
    whose = "element" if len(wrong) == 1 else f"{name} element"
    return (
        f"sample {sample}: {count} of {total} outputs differ; {whose}"
        f" {list(place[1:])} is {float(ours[place])!r} according to the file,"
        f" {float(agreement.recorded[name][place])!r} as recorded; no decision near a boundary"
        " explains it"
    )
