"""The facade: one function for each verb of the command line, for scripts and notebooks.

    from bitrill import flow
    flow.compile("model.onnx", out="build")
    flow.verify("build", data="digits")["mismatches"]

Every function returns a frozen dataclass or the JSON value that the verb prints, raises a
`BitrillError` and nothing else on purpose, and imports what it needs when it is called.
"""

from .board_build import BoardBuild, build
from .board_drive import Driven, drive
from .board_flash import Flashed, flash
from .boards import Boards, boards
from .compiling import Build, Compiled, compile, load_build
from .inspection import Inspection, Layer, inspect
from .verbs import Outputs, doctor, integers_beside, run, synth, train, verify
from .weights import read_weights, register_writes, with_weights

__all__ = [
    "BoardBuild",
    "Boards",
    "Build",
    "Compiled",
    "Driven",
    "Flashed",
    "Inspection",
    "Layer",
    "Outputs",
    "boards",
    "build",
    "compile",
    "doctor",
    "drive",
    "flash",
    "inspect",
    "integers_beside",
    "load_build",
    "read_weights",
    "register_writes",
    "run",
    "synth",
    "train",
    "verify",
    "with_weights",
]
