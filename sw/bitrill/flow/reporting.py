"""The verb `report`: one HTML file that shows a build, a search, or what changed between builds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import SpecError, StorageError
from ..ir import Graph
from ..ir.serialisation import digest
from ..resources.switching import switching
from ..storage import write_text
from .boards import boards as boards_of
from .boards import fit_in_words
from .build_files import READY
from .builds import Build, BuildLike, open_build
from .data import samples as samples_of
from .extras import Progress, extra, logged
from .import_and_fold import ASSUMED_MHZ
from .result import Json, Result
from .verifying import decisions

if TYPE_CHECKING:
    from ..report.answers import Answers
    from ..report.build_page import BoardFigures, BuildPage
    from ..report.search_page import SearchPage

SHOWN = "report.html"
"""Name of the file if none is given, in the folder that is shown."""


@dataclass(frozen=True, repr=False)
class Reported(Result):
    """Result of `report`: the ``file``, what it shows, and its ``size`` in bytes."""

    file: Path
    shows: str
    size: int

    def summary(self) -> dict[str, object]:
        return {"file": self.file, "shows": self.shows, "size": f"{self.size:,} bytes"}

    def to_json(self) -> Json:
        return {"file": str(self.file), "shows": self.shows, "bytes": self.size}


def report(
    source: BuildLike,
    *,
    diff: BuildLike | None = None,
    data: str | None = None,
    samples: int | None = None,
    activity: str | Path | None = None,
    clock_mhz: float = ASSUMED_MHZ,
    boards: str | Path | None = None,
    out: str | Path | None = None,
    progress: Progress = logged,
) -> Reported:
    """Write a page that shows a build or a search: one HTML file, readable offline.

    ``source``: a build or its folder, or the folder of a search; ``diff``: an earlier build, for a
    page of what has changed since; ``data``: a labelled data set, whose first ``samples`` frames
    are classified (all if None); ``activity``: a SAIF file of the design, as `trace` writes it,
    whose switching the estimate of energy takes; ``clock_mhz``: clock of rates and latencies;
    ``boards``: a folder of additional boards; ``out``: the file, ``report.html`` in the build if
    None. Raises `SpecError` for data without labels, and for options that do not belong together.
    """
    _check(source, diff, data, samples, activity, clock_mhz)
    with extra("report", "report"):
        from ..report import page  # noqa: F401
    if isinstance(source, str | Path) and is_search(Path(source)):
        search_page = _search_page(Path(source))
        return _written(Path(source), out, search_page.name, search_page.html())
    build = open_build(source)
    before = None if diff is None else open_build(diff)
    pages = _Pages(data, samples, clock_mhz, boards, progress)
    measured = None if activity is None else switching(Path(activity), build.graph)
    shown = replace(pages.of(build), switching=measured)
    if before is None:
        return _written(build.folder, out, build.graph.name, shown.html())
    from ..report.diff_page import DiffPage

    names = (before.folder.resolve().name, build.folder.resolve().name)
    html = DiffPage(pages.of(before), shown, names).html()
    return _written(build.folder, out, f"{names[0]} to {names[1]}", html)


def _check(
    source: BuildLike,
    diff: BuildLike | None,
    data: str | None,
    samples: int | None,
    activity: str | Path | None,
    clock_mhz: float,
) -> None:
    """Raise an error for what cannot be shown, before any work is done."""
    if clock_mhz <= 0:
        raise SpecError(f"the clock must be above 0 MHz, not {clock_mhz:g}")
    if samples is not None and data is None:
        raise SpecError("samples must stand beside data, and no data is given")
    if isinstance(source, str | Path) and is_search(Path(source)):
        if any(each is not None for each in (diff, data, activity)):
            raise SpecError(
                f"diff, data and activity must stand beside a build, and {source} is a search"
            )
        return
    for each in (source, diff):
        if isinstance(each, str | Path) and not _may_be_build(Path(each)):
            raise StorageError(
                f"{each} must be the folder of a build or of a search: it has neither graph.json"
                " nor front.json"
            )


def _may_be_build(folder: Path) -> bool:
    """Return whether a folder holds a build, or its complete new files."""
    return any((folder / place / "graph.json").is_file() for place in ("", READY))


def is_search(folder: Path) -> bool:
    """Return whether a search has written a folder."""
    return (folder / "front.json").is_file()


def _written(folder: Path, out: str | Path | None, shows: str, html: str) -> Reported:
    file = folder / SHOWN if out is None else Path(out)
    write_text(file, html)
    return Reported(file, shows, len(html.encode()))


def _search_page(folder: Path) -> SearchPage:
    with extra("search", "report of a search"):
        from ..search import history
    from ..report.search_page import SearchPage, ShownTrial

    read = vars(history.read(folder))
    trials = tuple(ShownTrial(**vars(t)) for t in read.pop("trials"))
    return SearchPage(**read, trials=trials, version=__version__)


@dataclass(frozen=True)
class _Pages:
    """Makes the pages of builds, by the options of `report`."""

    data: str | None
    samples: int | None
    clock_mhz: float
    boards: str | Path | None
    progress: Progress

    def of(self, build: Build) -> BuildPage:
        """Return the page of a build."""
        from ..report.build_page import BuildPage

        answers = None if self.data is None else self._answers(build.graph, self.data)
        self.progress("drawing", 0, 0)
        return BuildPage(
            build.graph,
            build.predicted,
            self.clock_mhz,
            digest(build.graph),
            __version__,
            tuple(self._boards(build)),
            answers,
        )

    def _answers(self, graph: Graph, data: str) -> Answers:
        from ..report.answers import Answers

        chosen = samples_of(graph, data, self.samples, 0, self.progress)
        if chosen.labels is None:
            raise SpecError(f"data must have labels, and {data} has none for this network")
        self.progress(f"classifying {len(chosen.x):,} frames", 0, 0)
        return Answers(data, chosen.x, chosen.labels, decisions(graph, chosen.x))

    def _boards(self, build: Build) -> Iterator[BoardFigures]:
        from bitrill_boards.roofline import links

        from ..report.build_page import BoardFigures

        known = boards_of(build, boards=self.boards)
        for board, r in zip(known.boards, known.rooflines or (), strict=True):
            bounds = (("core", r.core), *links(board, build.graph, r.clock_mhz).items())
            yield BoardFigures(
                r.board, r.fits, fit_in_words(r), r.core, r.system, r.limit, r.clock_mhz, bounds
            )
