"""Command line of the driver: runs images or the self-test on a board.

python3 -m bitrill_driver FOLDER --self-test
python3 -m bitrill_driver FOLDER --input X.npy --out Y.npy
"""

from __future__ import annotations

import argparse
import os
import sys

import numpy as np

from .driver import Driver
from .driver_errors import DriverError, UsageError
from .folder import Folder
from .opening import TRANSPORTS, connect, load_bitstream
from .output_files import files_of
from .summary import summary

WRONG, USAGE, FAILED = 1, 2, 4
"""Exit codes, besides 0 and argparse's 2: frames differ; the command failed."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    p = argparse.ArgumentParser(prog="python3 -m bitrill_driver", description=__doc__)
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.add_argument("folder", help="BUILD/boards/BOARD, or its copy on the board")
    kinds = [k for kinds in TRANSPORTS.values() for k in kinds]
    p.add_argument(
        "--transport",
        choices=kinds,
        help="how to reach the board (default: the first one installed)",
    )
    p.add_argument("--port", help="serial port (default: the only one of this computer)")
    p.add_argument(
        "--load", action="store_true", help="load the bitstream first (PYNQ always does)"
    )
    p.add_argument(
        "--loaded", action="store_true", help="the bitstream is already loaded, by JTAG for example"
    )
    p.add_argument(
        "--self-test", action="store_true", help="run the recorded frames and compare every bit"
    )
    p.add_argument("--input", metavar="X.npy", help="images [N, *shape], floats or integers")
    p.add_argument(
        "--out",
        metavar="Y.npy",
        help="file for the output; several outputs go to Y.NAME.npy, the integers to Y.int.npy",
    )
    p.add_argument("--root", default="/", help=argparse.SUPPRESS)
    return p


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    p = parser()
    a = p.parse_args(arguments)
    if a.out and not a.input:
        p.error("--out needs --input")
    if a.out and not a.out.endswith(".npy"):
        p.error(f"--out must end in .npy, not {os.path.basename(a.out)!r}")
    if not (a.self_test or a.input or a.load):
        p.error("nothing to do: say --self-test, --input X.npy or --load")
    try:
        return _run(a)
    except DriverError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else FAILED
    except (MemoryError, OSError) as error:
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _run(a: argparse.Namespace) -> int:
    folder = Folder(a.folder)
    images = _images(a.input) if a.input else None
    if not (a.self_test or a.input):
        load_bitstream(folder, root=a.root)
        print(f"{folder.bitstream} is loaded")
        return 0
    with connect(
        folder, a.transport, port=a.port, load=a.load, loaded=a.loaded, root=a.root
    ) as driver:
        clock = driver.transport.device.clock_hz / 1e6
        print(f"{folder.manifest['board']}: {driver.network.name} at {clock:g} MHz")
        for note in driver.transport.notes:
            print(f"note: {note}", file=sys.stderr)
        wrong = _self_test(folder, driver) if a.self_test else 0
        if images is not None:
            integers, outputs = driver.run_named(images, _progress)
            if a.out:
                for file, name in files_of(a.out, list(outputs)).items():
                    _save(file, outputs[name])
                _save(a.out[: -len(".npy")] + ".int.npy", integers)
        print(summary(driver.report()))
    return WRONG if wrong else 0


def _self_test(folder: Folder, driver: Driver) -> int:
    inputs, outputs = folder.vectors()
    wrong = driver.self_test(inputs, outputs, _progress)
    n = len(inputs)
    if wrong:
        print(f"self-test: {wrong:,} of {n:,} frames are WRONG: flash the bitstream again")
    else:
        print(f"self-test: {n:,} of {n:,} frames bit-exact")
    return wrong


def _images(path: str) -> np.ndarray:
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise DriverError(f"cannot read {path}: it is not a file")  # a pipe would block
        array = np.load(path, allow_pickle=False)
    except DriverError:
        raise
    except Exception as error:  # numpy evaluates the header, which may raise anything
        raise DriverError(f"cannot read {path}: {str(error)[:200]}") from None
    if not isinstance(array, np.ndarray):
        raise DriverError(f"cannot read {path}: it must hold one array, not several")
    return array


def _save(path: str, array: np.ndarray) -> None:
    """Write an array file completely or not at all."""
    temporary = path + ".part"
    try:
        with open(temporary, "wb") as file:
            np.save(file, array)
        os.replace(temporary, path)
    except OSError as error:
        raise DriverError(f"cannot write {path}: {error.strerror or error}") from None


def _progress(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{what}: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
