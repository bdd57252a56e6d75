"""Drivers in C, compiled with all warnings as errors and with sanitizers, and run on arrays."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from bitrill_boards import c_driver
from bitrill_boards.c_driver.edge import NetworkEdge
from support import HANG_SECONDS, need_tool

HERE = Path(__file__).parent
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-pedantic", "-O1")
SANITIZE = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def program(spec: dict[str, Any], main: str, folder: Path, *flags: str) -> Path:
    """The driver of a ``network.json``, prefix ``net``, linked with a ``main`` of this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in c_driver.sources(spec, "net").items():
        (folder / name).write_text(text)
    out = folder / Path(main).stem
    files = [str(folder / "net.c"), str(HERE / main)]
    own = ["-DQUANTIZES"] if spec["input"]["quantizer"] else []
    command = [need_tool("gcc"), *FLAGS, *SANITIZE, *own, *flags, f"-I{folder}", *files, "-lm"]
    done = subprocess.run([*command, "-o", str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def c_type(edge: dict[str, Any]) -> np.dtype:
    """The C type of an ``input`` or ``output`` of a ``network.json``, as numpy's."""
    return np.dtype(NetworkEdge.of(edge).type.removesuffix("_t"))


def applied(path: Path, function: str, x: np.ndarray, dtype: Any) -> np.ndarray:
    """What a function of the driver makes of the rows of ``x``; its error as `ValueError`."""
    done = subprocess.run(
        [str(path), function],
        input=np.ascontiguousarray(x).tobytes(),
        capture_output=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    if done.returncode:
        raise ValueError(done.stderr.decode())
    return np.frombuffer(done.stdout, dtype).reshape(len(x), -1)
