"""Makes a board's folder: writes the files for toolchain and driver, then runs the toolchain.

The manifest is removed first and written last. If tools are missing, or the design is too slow or
too large, the folder lacks only the bitstream. After an interrupt there is no manifest, and files
of the tools are left only in their scratch folder `WORK`.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from bitrill.errors import BitrillError, FitError, TimingError, ToolError
from bitrill.storage import read_bytes, remove, write_bytes

from . import c_driver, manifest, toolchains, vectors
from .describe import describe
from .manifest import Manifest
from .project import STEM, Progress, Project
from .readme import readme

DRIVER = "bitrill_driver"
"""Name of the driver's folder in a board's folder, and so of its Python package."""

C_DRIVER = "bitrill_c"
"""Name of the folder with the driver in C."""

WORK = "work"
"""Folder in which toolchains keep intermediate files and finished steps."""

_DRIVER = Path(__file__).parent / "driver"


def build_board(
    project: Project, x: np.ndarray, progress: Progress, *, files_only: bool = False
) -> Manifest:
    """Make ``project.folder``; ``x``: frames of integers to record for the self-test.

    Raises the toolchain's `ToolError`, `TimingError` or `FitError`; the message names the folder.
    """
    chain = toolchains.load(project.toolchain)
    progress("recording frames", 0, 0)
    files = common_files(project, x) | {k: v.encode() for k, v in chain.files(project).items()}
    files["README.md"] = readme(project, chain, files).encode()
    folder = project.folder
    _clear(folder)
    for k, (name, data) in enumerate(sorted(files.items())):
        progress("writing files", k, len(files))
        write_bytes(folder / name, data)
    made = manifest.of(project, files)
    if not files_only:
        made = _run(project, made, progress)
    manifest.write(folder, made)
    return made


def common_files(project: Project, x: np.ndarray) -> dict[str, bytes]:
    """Return the files of every board's folder, whatever its toolchain."""
    network = network_file(project)
    return {
        "top.v": project.top(),
        "network.json": network,
        vectors.NAME: vectors.recorded(project.graph, x),
        **driver_files(),
        **{f"{C_DRIVER}/{k}": v.encode() for k, v in c_driver.sources(json.loads(network)).items()},
    }


def network_file(project: Project) -> bytes:
    """Return ``network.json``: what the driver needs to know about the network."""
    network = describe(project.graph, project.predicted)
    return (json.dumps(network, indent=1, sort_keys=True) + "\n").encode()


def driver_files() -> Mapping[str, bytes]:
    """Return the driver's files."""
    return {f"{DRIVER}/{p.name}": read_bytes(p) for p in sorted(_DRIVER.glob("*.py"))}


def _run(project: Project, made: Manifest, progress: Progress) -> Manifest:
    """Run the toolchain; return the manifest with its bitstream.

    On failure, a manifest without a bitstream is written.
    """
    folder = project.folder
    before = set(folder.iterdir())
    try:
        done = toolchains.load(project.toolchain).make(project, progress)
    except (ToolError, TimingError, FitError) as error:
        measured = {k: error.details[k] for k in ("fmax_mhz", "used") if error.details.get(k)}
        manifest.write(folder, replace(made, **measured))
        raise _with_folder(error, folder) from error
    except KeyboardInterrupt:
        _sweep(folder, before)
        raise
    return made.with_made(folder, done)


def _with_folder(error: BitrillError, folder: Path) -> BitrillError:
    text = f"{error}; the files are in {folder}"
    details = error.details | {"folder": str(folder)}
    if isinstance(error, ToolError):
        return ToolError(text, missing=error.missing, **details)
    return type(error)(text, **details)


def _clear(folder: Path) -> None:
    """Remove the files of an earlier build, and bitstreams made from it by hand; nothing else.

    The manifest is removed last.
    """
    try:
        former = list(manifest.read(folder).files)
    except BitrillError:
        former = []
    for path in (*map(folder.joinpath, former), *folder.glob(f"{STEM}.*")):
        remove(path)
    remove(folder / manifest.NAME)


def _sweep(folder: Path, keep: set[Path]) -> None:
    """Remove everything in the folder that is not in ``keep``."""
    for path in sorted(folder.iterdir()):
        if path in keep or path.name == WORK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
