"""The verb `search`: the best networks of a space, by accuracy and by hardware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SpecError
from ..folding.fold import folding_of
from ..jobs import open_executor
from ..parts.devices import PORTABLE, part_of
from ..resources.energy import energy_nj
from ..resources.estimate import Resources, network_resources
from ..timing.predict import predict
from ..tracking import Tracker, tracked
from .extras import Progress, extra, logged
from .import_and_fold import Goal, fold, fold_for, integers, load
from .result import Json, Result, TextTable, exact_number

if TYPE_CHECKING:
    from ..compress.recipe import Hardware
    from ..search.figures import Answer
    from ..search.front import Standing


@dataclass(frozen=True, repr=False)
class Searched(Result):
    """Result of `search`: how many trials there are, and the front."""

    standing: Standing
    folder: Path

    @property
    def ok(self) -> bool:
        """Whether a trial has met every constraint, or some are still to come."""
        return bool(self.standing.front) or not self.ended

    @property
    def ended(self) -> bool:
        """Whether all trials are done."""
        return self.standing.finished >= self.standing.trials

    def summary(self) -> dict[str, object]:
        now = self.standing
        return {
            "search": now.name,
            "trials": f"{now.finished} of {now.trials}, {now.failed} failed, {now.pruned} pruned",
            "front": len(now.front),
            "time left": "-" if self.ended else _left(now.seconds_left),
            "folder": self.folder,
        }

    def tables(self) -> tuple[TextTable, ...]:
        points = self.standing.front
        keys = list(points[0].params) if points else []
        head = ("trial", "accuracy", "validation", "LUTs", "RAMB18", "DSP", "frames/s")
        head += ("latency ns", "energy nJ", *keys)
        rows = [
            (
                p.number,
                *("-" if v is None else f"{100 * v:.2f} %" for v in (p.accuracy, p.validation)),
                *(f"{v:,}" for v in (p.lcs, p.ramb18, p.dsp)),
                *("-" if v is None else f"{v:,.0f}" for v in (p.fps, p.latency_ns, p.energy_nj)),
                *(p.params[key] for key in keys),
            )
            for p in points
        ]
        return (TextTable.of(head, rows),)

    def to_json(self) -> Json:
        return self.standing.to_json()


def _left(seconds: float | None) -> str:
    """Return a time in words."""
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def search(
    space: str | Path | Mapping[str, Any] | None = None,
    *,
    trials: int | None = None,
    jobs: int = 1,
    dask: str | None = None,
    out: str | Path | None = None,
    seed: int | None = None,
    show: str | Path | None = None,
    track: str | Tracker | None = None,
    progress: Progress = logged,
) -> Searched:
    """Search a space, or go on with it; ``front.json`` and each trial's files in ``out``.

    ``space``: a TOML file, or its tables; relative paths start at the file, or where Python runs.
    ``trials`` and ``seed`` stand over the space's own; ``out``: by default a folder named as the
    space. ``jobs``: processes that share the work; ``dask``: a scheduler whose workers do.
    ``track``: ``mlflow``, ``wandb`` or a `bitrill.tracking.Tracker`, told of each trial. ``show``:
    in place of a space, the folder of a search, which may be running: how it stands.

    Raises `SpecError` with all that is wrong in a space, `StorageError` for a storage that does
    not answer or is of another version, `ToolError` if a package is missing.
    """
    if (space is None) is (show is None):
        raise SpecError("either a space to search or --show with a search's folder must be given")
    if show is not None:
        return shown(Path(show))
    assert space is not None
    with extra("search", "search"):
        from ..search import space as spaces
        from ..search.loop import SearchRun
    read = spaces.parse(space, Path()) if isinstance(space, Mapping) else spaces.load(Path(space))
    if seed is not None:
        read = replace(read, settings=replace(read.settings, seed=seed))
    if read.constraints.board is not None:
        _over(read.constraints.board, Resources())
    count = read.settings.trials if trials is None else trials
    if count < 1:
        raise SpecError(f"trials must be at least 1, not {count}")
    folder = Path(read.name if out is None else out)
    about = {"space": read.name, "trials": count, **asdict(read.settings)}
    with open_executor(jobs, dask) as executor, tracked(track, f"search {read.name}", about) as run:
        one = SearchRun(read, folder, answered, executor, progress, count, run.step)
        try:
            standing = one.run()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"the same command goes on in {folder}") from None
        run.files = [folder / "front.json"]
    return Searched(standing, folder)


def shown(folder: Path) -> Searched:
    """Return how the search in a folder stands; raises `StorageError` for another folder."""
    with extra("search", "search"):
        from ..search.front import Standing
    return Searched(Standing.read(folder / "front.json"), folder)


def answered(model: Path, target: Hardware, board: str | None) -> Answer:
    """Return what `compile` predicts for a model on hardware, without Verilog."""
    from ..search.figures import Answer

    part = None if target.part == PORTABLE else part_of(target.part)
    graph, clock = integers(load(model)), target.clock_mhz
    if not target.searched:
        folded = fold(graph, style="unrolled", part=part, clock_mhz=clock)
    else:
        folded, _ = fold_for(graph, clock, [Goal(part, target.fps)], deep=True)
    total = sum(network_resources(folded).values(), Resources())
    timing = predict(folded)
    return Answer(
        total.lcs,
        total.ff,
        total.ramb18,
        total.dsp,
        exact_number(Fraction(timing.ii)),
        timing.latency,
        float(Fraction(clock) * 1_000_000 / timing.ii),
        timing.latency * 1000 / clock,
        energy_nj(folded),
        folding_of(folded),
        0.0 if board is None else _over(board, total),
    )


def _over(board: str, total: Resources) -> float:
    """Return by what share the most wanting resource exceeds a board's; 0 if the board fits."""
    from bitrill_boards.board import find
    from bitrill_boards.roofline import part_for

    shares = [
        used / have if have else float(used > 0)
        for used, have in part_for(find(board, None)).utilisation(total).values()
        if used
    ]
    return max(0.0, max(shares, default=0.0) - 1)
