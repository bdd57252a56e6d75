"""The verbs that work on a build or need a tool: run, verify, synth, train, doctor."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..engines import check_engine
from ..errors import SpecError
from ..storage import read_bytes, write_array, write_json
from .compiling import Build, load_build
from .data import Samples, random_inputs, read_array, samples, to_integers
from .extras import Progress, extra, silent
from .weights import Weights, read_weights, register_writes, with_weights

SLOW_SAMPLES = 100
"""Frames that a slow engine takes of a data set unless told otherwise."""


@dataclass(frozen=True, eq=False)
class Outputs:
    """``integers``: int64 ``[N, *shape]`` as the hardware gives them; ``floats``: what they stand
    for, float64."""

    integers: np.ndarray
    floats: np.ndarray


def run(
    build: str | Path | Build, x: str | Path | np.ndarray, *, out: str | Path | None = None
) -> Outputs:
    """The golden model on floats or integers ``[N, *shape of the model's input]``, or a .npy file.

    ``out``, which must end in ``.npy``, takes the floats; the integers go beside it, with
    ``.int.npy`` for ``.npy``. Memory beyond the outputs is bounded for a file of any length.
    """
    built = _built(build)
    target = None if out is None else Path(out)
    if target is not None and target.suffix != ".npy":
        raise SpecError(f"the output file must end in .npy, not {target.name!r}")
    array = read_array(Path(x)) if isinstance(x, str | Path) else np.asarray(x)
    graph = built.graph
    integers = graph.run_floats(array) if array.dtype.kind == "f" else graph.run(array)
    outputs = Outputs(integers, graph.sink.dequantize(integers))
    if target is not None:
        write_array(target, outputs.floats)
        write_array(integers_beside(target), outputs.integers)
    return outputs


def integers_beside(path: str | Path) -> Path:
    """``Y.int.npy`` for ``Y.npy``."""
    return Path(path).with_suffix(".int.npy")


def verify(
    build: str | Path | Build,
    *,
    engine: str = "verilator",
    data: str | np.ndarray = "random",
    samples: int | None = None,
    stall: float = 0.0,
    seed: int = 0,
    weights: str | Path | Weights | None = None,
    out: str | Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """RTL against the golden model, bit for bit, and cycles against the prediction.

    ``data``: a named data set's test images, a .npy file, ``random``, or an array. ``samples``:
    how many (all of a data set by default under verilator, else `SLOW_SAMPLES`). ``stall``: the
    probability that source and sink pause on a cycle. ``weights``: other ones, or a file of them
    (see `with_weights`), which are written over AXI-Lite, and read back, or streamed.
    Leaves ``verify.json`` in ``out`` (the build, when None) and returns its value: ``samples``,
    ``mismatches``, ``measured``, ``predicted``, ``engine``, ``seconds``, ``accuracy`` where the
    labels are known, and with ``weights`` the number of ``registers`` written.
    """
    check_engine(engine)
    if not 0 <= stall < 1:
        raise SpecError(f"stall must be at least 0 and below 1, not {stall}")
    built = made = _built(build)
    access: list[tuple[int, int]] = []
    if weights is not None:
        arrays = read_weights(weights) if isinstance(weights, str | Path) else weights
        access = register_writes(made, arrays)
        built = dataclasses.replace(made, graph=with_weights(made, arrays))
    if samples is None and engine != "verilator":
        samples = SLOW_SAMPLES
    chosen = _samples(built, data, samples, seed, progress)
    with extra("sim", "verify"):
        from bitrill_sim import verify as simulate
    folder = _folder(out, built)
    report = simulate(
        built.graph,
        built.verilog.absolute(),
        chosen.x,
        engine=engine,
        stall=stall,
        seed=seed,
        work=(folder / "sim").absolute(),
        progress=progress,
        made=made.graph,
        access=np.array(access, np.uint32).reshape(-1, 2),
    )
    value: dict[str, Any] = report.to_json()
    if weights is not None:
        value["registers"] = len(access)
    if chosen.labels is not None:
        value["accuracy"] = accuracy(built, chosen)
    write_json(folder / "verify.json", value)
    return value


def accuracy(build: Build, chosen: Samples) -> float:
    """Share of labelled samples that the golden model decides rightly."""
    if chosen.labels is None:
        raise SpecError("accuracy must have labels, and the data has none")
    graph = build.graph
    y = graph.run(chosen.x)
    if graph.sink.scale:
        decided = graph.sink.dequantize(y).reshape(len(y), -1).argmax(1)
    else:
        decided = y.reshape(len(y), -1)[:, 0]
    return float(Fraction(int((decided == chosen.labels).sum()), len(y)))


def synth(
    build: str | Path | Build,
    *,
    part: str | None = None,
    check: int = 0,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Resources by Yosys, per layer and in all; ``check`` samples through the netlist.

    Leaves ``synth.json`` in ``out`` (the build, when None) and returns its value; with ``check``
    its key of that name holds what `verify` would say of the netlist.
    """
    if check < 0:
        raise SpecError(f"check must be a number of samples, not {check}")
    built = _built(build)
    with extra("synth", "synth"):
        from bitrill_hw.synth import DEFAULT_PART, synthesise
    folder = _folder(out, built)
    report = synthesise(
        built.graph,
        part=part or DEFAULT_PART,
        work=folder / "synth",
        verilog=read_bytes(built.verilog).decode(),
        progress=progress,
    )
    value = report.to_json()
    if check:
        value["check"] = _check_netlist(
            built, report.netlist.absolute(), (folder / "check").absolute(), check, seed, progress
        )
    write_json(folder / "synth.json", value)
    return value


def train(
    recipe: str,
    *,
    out: str | Path,
    weights: str | None = None,
    acts: int | str | None = None,
    dataset: str = "digits",
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = False,
    mean: float | None = None,
    std: float | None = None,
    width: int | None = None,
    prune: float | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train a recipe with Brevitas, export it and check the export: `bitrill.train.train`.

    Leaves ``model.onnx`` and ``metrics.json`` in ``out``, and returns the metrics.
    """
    from .. import train as training

    def batch(epoch: int, n_epochs: int, k: int, n: int, loss: float, seen: float | None) -> None:
        said = "" if seen is None else f", accuracy {100 * seen:.2f} %"
        progress(f"epoch {epoch}/{n_epochs}{said}", (epoch - 1) * n + k, n_epochs * n)

    result = training.train(
        recipe,
        out=out,
        weights=weights,
        acts=acts,
        dataset=dataset,
        epochs=epochs,
        seed=seed,
        resume=resume,
        mean=mean,
        std=std,
        width=width,
        prune=prune,
        progress=batch,
    )
    return result.metrics


def doctor() -> dict[str, Any]:
    """Which tools are there, which are missing or known to be wrong, and how to get each."""
    from ..doctor import report

    return report()


def _built(build: str | Path | Build) -> Build:
    return build if isinstance(build, Build) else load_build(build)


def _folder(out: str | Path | None, build: Build) -> Path:
    return build.folder if out is None else Path(out)


def _samples(
    build: Build, data: str | np.ndarray, count: int | None, seed: int, progress: Progress
) -> Samples:
    if isinstance(data, np.ndarray):
        return Samples(to_integers(build.graph, data[:count]))
    return samples(build.graph, data, count, seed, progress)


def _check_netlist(
    build: Build, netlist: Path, work: Path, count: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """``count`` random samples through the netlist, with stalls on both sides."""
    with extra("sim", "synth --check"):
        from bitrill_sim.netlist import check
    x = random_inputs(build.graph, count, seed)
    return check(build.graph, netlist, x, work=work, seed=seed, progress=progress).to_json()
