"""Settings of every test: one thread a worker, shared data found, no tool skipped unseen in CI,
interrupts as they are at a terminal."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# before numpy is imported: two workers share the cores already
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from resuming import pytest_addoption, pytest_configure
from support import HANG_SECONDS, ROOT, TOOL_MISSING

if TYPE_CHECKING:
    from bitrill import flow

__all__ = ["pytest_addoption", "pytest_configure"]

# a shell that starts the tests in its background has them ignore it, and no test of it would end
signal.signal(signal.SIGINT, signal.default_int_handler)

# the tools of this environment, whatever else this computer has
os.environ.setdefault("BITRILL_TOOLS", "wheels")

_DATA = ROOT.parent / "shared" / "data"
if _DATA.is_dir():
    os.environ.setdefault("BITRILL_DATA", str(_DATA))


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and thousands of tests, which stay to the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a test as failed that was skipped for a missing tool, if CI is set."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and is_ci():
        reason = report.longrepr[2]
        if reason.removeprefix("Skipped: ").startswith(TOOL_MISSING):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {reason}; in CI every tool must be there"
    return report


@pytest.fixture(scope="session", autouse=True)
def quick_simulators(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compile simulators without optimising, but for the nightly tests, whose runs are long."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.option.markexpr != "nightly":
            patch.setattr("bitrill_sim.verilator.CompiledModel.level", lambda *_: "-O0")
        yield


@pytest.fixture(scope="session", autouse=True)
def patient_commands() -> Iterator[None]:
    """Let no command find itself slow, and write lines of progress, on a busy machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bitrill.cli.log.PATIENCE_SECONDS", float(HANG_SECONDS))
        yield


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a network of two dense layers."""
    from frontend.onnx_models import save, small

    net, out = small()
    return save(net.proto(out), tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def small_compiled(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> flow.Compiled:
    """A build of `small_model` for every board, which no test may change."""
    from bitrill import flow

    return flow.compile(small_model, out=tmp_path_factory.mktemp("small") / "b", part="portable")


def is_ci() -> bool:
    """Whether this is a run of continuous integration."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")
