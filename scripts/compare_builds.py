"""Compile many models with two revisions of this repository and compare all files byte for byte.

    python scripts/compare_builds.py REV_A REV_B [--only PATTERN] [--json] [--cache DIR]

A revision is whatever git knows, or ``.``: the working tree as it is, in which one stands; an
absolute path is the working tree there. `compare_cases` lists models and builds, `compare_folders`
says which version numbers and digests may differ; what did differ by it is printed as masked.

Models are trained once, by REV_A, and kept in the cache; so are builds, by commit. A build is kept
until its arguments, its model or a package that it depends on change. Of ``REV REV`` the second is
always made anew. Each revision is checked out into a temporary folder, and one process calls its
``bitrill.cli.main`` for each build.

Exits with 0 where all is equal, 1 where anything differs or fails, 2 where it could not compare.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from compare_cases import CASES, MODELS, Case
from compare_folders import Comparison, Difference, compare_folders, first_line

PACKAGES = ("sw", "hw", "sim", "boards")
DEPENDENCIES = ("amaranth", "numpy", "onnx")
"""Packages whose version decides on a build's bytes."""

RESULT = "result.json"
"""What is said of a build, beside its folder: `Result`."""

INTERRUPTED = 130
"""Exit code of what was interrupted, and no result."""

LONGEST = 3600
"""Seconds for all builds of one revision."""


class CompareError(Exception):
    """The comparison cannot be made; the text says why."""


@dataclass(frozen=True)
class Revision:
    """``key``: folder of its builds in the cache; ``root``: of a working tree, else None."""

    name: str
    key: str
    commit: str
    root: Path | None = None
    anew: bool = False


@dataclass(frozen=True)
class Job:
    """What the process of a revision does in ``folder``: calls of ``bitrill``, one after another.

    ``files``: JSON files to be there; ``key``: changes with all that the outcome depends on.
    """

    name: str
    folder: str
    commands: list[list[str]]
    key: str
    files: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """Outcome of a job: the exit code, 0 where all is well, the error's line, what was printed,
    seconds of CPU."""

    key: str
    code: int
    message: str
    printed: str
    seconds: float


@dataclass(frozen=True)
class Report:
    """One build of both revisions; ``error``: why there is nothing to compare."""

    name: str
    files: int
    differences: list[Difference]
    masked: list[tuple[str, str]]
    error: str = ""

    @property
    def equal(self) -> bool:
        return not self.differences and not self.error

    def line(self) -> str:
        """The line that is printed of it."""
        head = f"{'equal' if self.equal else 'DIFFERENT':<10} {self.name:<34} {self.files:>3} files"
        if self.error:
            return f"{head}: {self.error}"
        if self.differences:
            return f"{head}, {len(self.differences)} differ: {self.differences[0]}"
        return head


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the process below
    try:
        reports, skipped = compare(options)
    except CompareError as error:
        print(f"compare_builds: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("compare_builds: interrupted; what was built is kept", file=sys.stderr)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, former)
    differ = sum(not r.equal for r in reports)
    if options.json:
        value = {
            "a": options.a,
            "b": options.b,
            "n_builds": len(reports),
            "n_files": sum(r.files for r in reports),
            "n_differ": differ,
            "skipped": skipped,
            "builds": [asdict(r) | {"equal": r.equal} for r in reports],
        }
        print(json.dumps(value, indent=1))
    else:
        print("\n".join(lines(reports, skipped)))
    return 1 if differ else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("a", metavar="REV_A")
    parser.add_argument("b", metavar="REV_B")
    parser.add_argument("--cache", type=Path, default=Path("build/compare"), metavar="DIR")
    parser.add_argument(
        "--only", default="*", metavar="PATTERN", help="builds, as of a shell: cnv*"
    )
    parser.add_argument("--models", type=Path, metavar="DIR", help="a folder of more models")
    parser.add_argument("--printed", action="store_true", help="compare printed text, too")
    parser.add_argument(
        "--same-code",
        action="store_true",
        help="mask comments and docstrings of Python sources, which a board's folder has",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(argv)


def lines(reports: Sequence[Report], skipped: Sequence[str]) -> Iterator[str]:
    """The text of a comparison: builds, what was masked and skipped, the sum."""
    yield from (r.line() for r in reports)
    masked = Counter(each for r in reports for each in r.masked)
    for (file, what), n in sorted(masked.items()):
        yield f"masked: {file}: {what} (in {n} build{'s' * (n > 1)})"
    yield from (f"skipped: {each}" for each in skipped)
    files, differ = sum(r.files for r in reports), sum(not r.equal for r in reports)
    yield f"{len(reports)} builds, {files} files, {differ} differ"


def compare(options: argparse.Namespace) -> tuple[list[Report], list[str]]:
    """Make what is missing of both revisions, and compare: reports, and what was skipped."""
    cache = options.cache.resolve()
    cases = [c for c in CASES if fnmatch.fnmatch(c.name, options.only)]
    if not cases:
        raise CompareError(f"no build's name matches {options.only!r}")
    a, b = _revision(options.a), _revision(options.b)
    if a.key == b.key:
        b = Revision(b.name, f"{b.key}-again", b.commit, b.root, True)
    with _checkout(a) as root:
        _train(a, root, cache, cases)
        jobs, skipped = _jobs(a, cache, cases, options.models)
        _run(a, root, cache, jobs)
    jobs, _ = _jobs(b, cache, cases, options.models)
    with _checkout(b) as root:
        _run(b, root, cache, jobs)
    reports = [
        _report(c, cache / "builds" / a.key, cache / "builds" / b.key, options)
        for c in cases
        if any(job.name == c.name for job in jobs)
    ]
    return reports, skipped


def _revision(name: str) -> Revision:
    if name == "." or Path(name).is_absolute():
        top = _git("rev-parse", "--show-toplevel", at=Path(name))
        key = "tree-" + hashlib.sha256(top.encode()).hexdigest()[:8]
        return Revision(name, key, "", Path(top), True)
    commit = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", at=Path())
    return Revision(name, commit[:12], commit)


def _git(*arguments: str, at: Path) -> str:
    done = subprocess.run(["git", "-C", at, *arguments], capture_output=True, text=True)
    if done.returncode:
        why = done.stderr.strip() or "no such revision"
        raise CompareError(f"git {' '.join(arguments)} failed in {at.resolve()}: {why}")
    return done.stdout.strip()


@contextlib.contextmanager
def _checkout(revision: Revision) -> Iterator[Path]:
    """The sources of a revision, in a temporary folder unless it is a working tree."""
    if revision.root is not None:
        yield revision.root
        return
    archive = subprocess.run(
        ["git", "archive", "--format=zip", revision.commit],
        capture_output=True,
        check=True,
        cwd=_git("rev-parse", "--show-toplevel", at=Path()),
    )
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        with zipfile.ZipFile(io.BytesIO(archive.stdout)) as files:
            files.extractall(folder)
        yield Path(folder)


def _model(name: str) -> str:
    return f"models/{name}/model.onnx"


def _train(revision: Revision, root: Path, cache: Path, cases: Sequence[Case]) -> None:
    """Make the models that are not in the cache."""
    jobs: list[Job] = []
    for name in dict.fromkeys(c.model for c in cases if not c.external):
        command = ["train", *MODELS[name].split(), "--epochs", "1", "--out", "."]
        jobs.append(Job(name, str(cache / "models" / name), [command], _sha(command)))
    _run(revision, root, cache, jobs, what="models", anew=False)
    for job in jobs:
        done = _result(Path(job.folder))
        if done is None or done.code:
            why = "its process ended" if done is None else done.message
            raise CompareError(f"{revision.name} cannot train {job.name}: {why}")


def _jobs(
    revision: Revision, cache: Path, cases: Sequence[Case], models: Path | None
) -> tuple[list[Job], list[str]]:
    """The builds of a revision, and which are skipped, and why."""
    jobs: list[Job] = []
    skipped: list[str] = []
    versions = [version(name) for name in DEPENDENCIES]
    for c in cases:
        folder = cache / "builds" / revision.key / c.name
        path = cache / _model(c.model)
        if c.external:
            if models is None or not (models / c.model).is_file():
                where = "--models was not given" if models is None else f"not in {models}"
                skipped.append(f"{c.name}: {c.model} is missing: {where}")
                continue
            path = (models / c.model).resolve()
        commands = c.commands(os.path.relpath(path, folder))
        files = {"given.json": dict(c.folding)} if c.folding else {}
        data = hashlib.sha256(path.read_bytes()).hexdigest()
        key = _sha([commands, files, data, sys.version, versions])
        jobs.append(Job(c.name, str(folder), commands, key, files))
    return jobs, skipped


def _sha(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _result(folder: Path) -> Result | None:
    try:
        return Result(**json.loads((folder / RESULT).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _run(
    revision: Revision,
    root: Path,
    cache: Path,
    jobs: Sequence[Job],
    *,
    what: str = "builds",
    anew: bool | None = None,
) -> None:
    """Have a revision's process do the jobs whose results are not there yet."""
    if revision.anew if anew is None else anew:
        shutil.rmtree(cache / "builds" / revision.key, ignore_errors=True)
    results = ((job, _result(Path(job.folder))) for job in jobs)
    missing = [job for job, done in results if done is None or done.key != job.key]
    print(f"{revision.name}: {len(missing)} of {len(jobs)} {what} to be made", file=sys.stderr)
    if not missing:
        return
    for job in missing:
        shutil.rmtree(job.folder, ignore_errors=True)
    paths = os.pathsep.join(str(root / name) for name in PACKAGES)
    cache.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, __file__, "--worker", str(root)],
        input=json.dumps([asdict(job) for job in missing]),
        text=True,
        timeout=LONGEST,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        cwd=cache,
    )
    if done.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    if done.returncode == 2:
        raise CompareError(f"the sources of {revision.name} cannot be used")


def _report(case: Case, a: Path, b: Path, options: argparse.Namespace) -> Report:
    """Compare the two outcomes of a build."""
    folders = a / case.name, b / case.name
    error = _failure(case, *map(_result, folders))
    found = Comparison()
    if not error:
        found = compare_folders(
            folders[0] / "build", folders[1] / "build", same_code=options.same_code
        )
        if options.printed and not case.refused:
            texts = [getattr(_result(f), "printed", "") for f in folders]
            found.differences += [] if texts[0] == texts[1] else [first_line("printed", *texts)]
    return Report(case.name, found.files, found.differences, found.masked, error)


def _failure(case: Case, a: Result | None, b: Result | None) -> str:
    """Why there is nothing to compare; empty where there is, or where a refusal was expected."""
    if a is None or b is None:
        return f"the process of {'REV_A' if a is None else 'REV_B'} ended in the midst of it"
    if a.code != b.code or a.message != b.message:
        said = [f"exit {r.code}: {r.message}" if r.code else "built" for r in (a, b)]
        return " | ".join(said)
    if case.refused and not a.code:
        return "must be refused, but was built by both"
    if a.code and not case.refused:
        return f"fails in both: exit {a.code}: {a.message}"
    return ""


def worker(root: str) -> int:
    """The process of one revision: does the jobs that stdin names with the sources below ``root``.

    A build's own output goes to its result, progress to stderr.
    """
    import bitrill
    from bitrill.cli import main as bitrill_main

    if not Path(bitrill.__file__).resolve().is_relative_to(Path(root).resolve()):
        print(f"bitrill comes from {bitrill.__file__}, not from {root}", file=sys.stderr)
        return 2
    jobs = [Job(**each) for each in json.loads(sys.stdin.read())]
    for number, job in enumerate(jobs, 1):
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
        for name, value in job.files.items():
            Path(name).write_text(json.dumps(value, indent=1))
        start = sum(os.times()[:4])
        out, said, code = io.StringIO(), "", 0
        for command in job.commands:
            errors = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
                code = _called(bitrill_main, command)
            if code:
                said = errors.getvalue().strip().split("\n")[-1]
                break
        if code == INTERRUPTED:
            return code
        seconds = round(sum(os.times()[:4]) - start, 2)
        result = Result(job.key, code, said, out.getvalue(), seconds)
        Path(RESULT).write_text(json.dumps(asdict(result), indent=1))
        outcome = f"{seconds:.1f} s" + (f", exit {code}: {said}" if code else "")
        print(f"  {number}/{len(jobs)} {job.name}: {outcome}", file=sys.stderr, flush=True)
    return 0


def _called(bitrill_main: Any, command: list[str]) -> int:
    """Exit code of ``bitrill``; 70 for an exception, whose text is printed."""
    try:
        return int(bitrill_main(command))
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 70


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        sys.exit(worker(sys.argv[2]))
    sys.exit(main())
