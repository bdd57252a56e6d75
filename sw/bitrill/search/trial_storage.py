"""Trials in optuna's storage: who does which, and what became of it.

Every trial of a search is there from the start, waiting. A process claims a group of them by one
atomic step of the storage each, and marks them as its own; those of a process that is gone wait
again. So several processes, on several machines, share a search, and none is lost or done twice.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from ..errors import SpecError, StorageError, ToolError
from .figures import OBJECTIVES, Direction
from .samplers import NumberedSampler
from .space import Space

LOG = logging.getLogger("bitrill.search")

BEAT_SECONDS = 5.0
"""Seconds between two signs of life of a process."""

GONE_SECONDS = 60.0
"""Seconds without a sign of life after which a process on another machine counts as gone."""

BUSY_SECONDS = 60
"""Seconds that a locked SQLite file is waited for."""

CREATIONS = 5
"""Times that tables of a database are made again after another search has made some of them."""

ENDED_KEY = "ended"
"""Attribute of a trial with what became of it."""

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def this_process() -> str:
    """Return a name of this process that no other one has."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}:{secrets.token_hex(4)}"


def _started(pid: int) -> str:
    """Return when a process started, in the kernel's words; empty where that is not told."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _is_gone(owner: str) -> bool | None:
    """Whether a process of this machine is gone; None for one elsewhere."""
    host, pid, started, _ = owner.rsplit(":", 3)
    if host != socket.gethostname():
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return _started(int(pid)) != started


@dataclass(frozen=True)
class EndedTrial:
    """What is kept of a trial that has ended; ``values``: of its objectives, if it has them all."""

    figures: Mapping[str, Any]
    reason: str
    seconds: float
    misses: Mapping[str, float]
    values: Sequence[float] | None


def ended(trial: FrozenTrial) -> EndedTrial | None:
    """Return what is kept of a trial, None if it has not ended."""
    kept = trial.user_attrs.get(ENDED_KEY)
    return None if kept is None or trial.state not in ENDED else EndedTrial(**kept)


@dataclass
class Trials:
    """The trials of a search in its storage, as one process sees them."""

    study: optuna.Study
    count: int
    owner: str = field(default_factory=this_process)
    _seen: dict[str, tuple[float, float]] = field(default_factory=dict)

    def fill(self) -> None:
        """See that as many trials wait as are asked for; more, by two processes, do no harm."""
        waiting = optuna.create_trial(state=TrialState.WAITING)
        for _ in range(self.count - len(self.study.get_trials(deepcopy=False))):
            self.study.add_trial(waiting)

    def all(self) -> list[FrozenTrial]:
        """Return the trials that are asked for, by number."""
        return self.study.get_trials(deepcopy=False)[: self.count]

    def group(self, size: int) -> list[Trial]:
        """Claim the next group of which none is done by a living process; none if there is none."""
        every = self.all()
        # samplers look at trials as they are now, and all of a group see the same ones
        self.study._thread_local.cached_all_trials = None
        for k in range(0, len(every), size):
            missing = [each for each in every[k : k + size] if each.state not in ENDED]
            if any(each.state == TrialState.RUNNING for each in missing):
                continue
            claimed: list[Trial] = []
            for each in missing:
                if not self._claimed(each):
                    break
                claimed.append(Trial(self.study, each._trial_id))
            if claimed:
                return claimed
        return []

    def _claimed(self, trial: FrozenTrial) -> bool:
        storage = self.study._storage
        try:
            if not storage.set_trial_state_values(trial._trial_id, state=TrialState.RUNNING):
                return False
        except UpdateFinishedTrialError:
            return False
        storage.set_trial_user_attr(trial._trial_id, "owner", self.owner)
        return True

    def release(self, own: bool = False) -> int:
        """Let the trials of processes that are gone wait again, or our own; returns how many run.

        A trial that nobody has marked yet counts as one of a process elsewhere.
        """
        running = 0
        beats = self.study.user_attrs
        for each in self.all():
            if each.state != TrialState.RUNNING:
                continue
            owner = each.user_attrs.get("owner", "")
            if (owner == self.owner) if own else self._gone(owner, each.number, beats):
                with suppress(UpdateFinishedTrialError):
                    self.study._storage.set_trial_state_values(
                        each._trial_id, state=TrialState.WAITING
                    )
            else:
                running += 1
        return running

    def _gone(self, owner: str, number: int, beats: Mapping[str, Any]) -> bool:
        if owner == self.owner:
            return False
        here = _is_gone(owner) if owner else None
        if here is not None:
            return here
        key, now = owner or f"nobody {number}", time.monotonic()
        beat = float(beats.get(f"alive {owner}", 0.0))
        last, since = self._seen.get(key, (None, now))
        if beat != last:
            self._seen[key] = (beat, now)
            return False
        return now - since > GONE_SECONDS

    def end(self, number: int, state: TrialState, ended: EndedTrial) -> None:
        """Write what became of a trial; one that another process has ended stays as it is."""
        trial, storage = self.all()[number], self.study._storage
        if trial.state in ENDED:
            return
        for name, share in ended.misses.items():  # where optuna's samplers look for constraints
            storage.set_trial_system_attr(trial._trial_id, f"constraints:{name}", share)
        storage.set_trial_user_attr(trial._trial_id, ENDED_KEY, asdict(ended))
        with suppress(UpdateFinishedTrialError):
            storage.set_trial_state_values(trial._trial_id, state, ended.values)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Give signs of life while a search runs; afterwards, what is not done waits again."""
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(BEAT_SECONDS):
                with suppress(SQLAlchemyError, optuna.exceptions.StorageInternalError):
                    self.study.set_user_attr(f"alive {self.owner}", time.time())

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            with suppress(SQLAlchemyError, optuna.exceptions.StorageInternalError):
                self.release(own=True)


def open_trials(space: Space, out: Path, count: int, identity: Mapping[str, Any]) -> Trials:
    """Open a search in its storage, or begin it.

    Raises `StorageError` for one that does not answer or is of another version of optuna,
    `ToolError` if a database's driver is missing, `SpecError` for a search over another space.
    """
    url = space.settings.storage or f"sqlite:///{out.absolute() / 'search.db'}"
    settings = space.settings
    sampler = NumberedSampler(settings.sampler, settings.seed, settings.group, space.start)
    directions: list[StudyDirection | Direction] = [OBJECTIVES[n] for n in settings.objectives]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with answering(url):
        storage = _connected(url)
        try:
            study = optuna.create_study(
                storage=storage, sampler=sampler, study_name=space.name, directions=directions
            )
        except DuplicatedStudyError:
            study = optuna.load_study(storage=storage, sampler=sampler, study_name=space.name)
        text = json.dumps(identity, sort_keys=True, default=str)
        known = study.user_attrs.get("space")
        if known is None:
            study.set_user_attr("space", text)
        elif known != text:
            where = difference(json.loads(known), json.loads(text))
            raise SpecError(
                f"the search {space.name!r} in {shown(url)} is over another space: {where}; take"
                " another --out, or another name in [search]"
            )
        trials = Trials(study, count)
        trials.fill()
        return trials


def _connected(url: str) -> RDBStorage:
    lock = {"connect_args": {"timeout": BUSY_SECONDS}} if url.startswith("sqlite") else {}
    for tries in range(CREATIONS, -1, -1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return RDBStorage(url, engine_kwargs=lock)
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            # another search makes the tables of an empty database at the same time
            clash = isinstance(error, IntegrityError) or "already exists" in str(error)
            if not clash or not tries:
                raise
            time.sleep(1)
    raise AssertionError


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Turn what a storage raises into one line that names it, without its password."""
    try:
        yield
    except ArgumentError as error:
        raise SpecError(
            f"storage must be a URL such as postgresql://user@host/name, not {shown(url)!r}"
        ) from error
    except ImportError as error:
        driver = error.__cause__ or error
        raise ToolError(
            f"the storage {shown(url)} needs a driver that is not installed: {driver};"
            " for PostgreSQL: pip install 'psycopg[binary]'",
            missing=True,
        ) from error
    except RuntimeError as error:
        if "version" not in str(error):
            raise
        raise StorageError(
            f"the storage {shown(url)} is of another version of optuna: {error}"
        ) from error
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = getattr(error, "orig", None) or error.__cause__ or error
        reason = " ".join(str(cause).split())[:200]
        raise StorageError(f"the storage {shown(url)} does not answer: {reason}") from error


def shown(url: str) -> str:
    """Return a storage's URL without its password."""
    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.rpartition("@")[2]


def difference(theirs: object, ours: object, where: str = "") -> str:
    """Return the first place where two trees of plain values differ, in words."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            if theirs.get(key) != ours.get(key):
                return difference(theirs.get(key), ours.get(key), f"{where}.{key}".lstrip("."))
    return f"{where} was {theirs!r}, now it is {ours!r}"
