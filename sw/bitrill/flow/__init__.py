"""The Python interface: one function for each verb of the command line, for scripts and notebooks.

    from bitrill import flow
    flow.compile("model.onnx", out="build", fps=10_000)
    flow.verify("build", data="digits").mismatches

Parameters have the names of the command line's options. Every function returns a frozen dataclass
(a `Result`: ``ok``, ``to_json()``, a table in notebooks), raises a `BitrillError` if it refuses
something, and imports what it needs when it is called. Steps are logged to ``bitrill.flow``.
"""

from .board_build import BoardBuild, build
from .board_drive import drive
from .board_flash import Flashed, flash
from .boards import Boards, boards
from .builds import Build, load_build
from .checking import Checked, check
from .compile_options import CompileOptions
from .compiling import Compiled, compile
from .compressing import Compressed, compress
from .doctor import Diagnosis, doctor, require
from .drive_result import Driven, Rates
from .export_ip import ExportedIp, export_ip
from .inspection import Inspection, Layer, inspect
from .making import Made, make
from .reporting import Reported, report
from .result import Result
from .running import Outputs, integers_beside, run
from .searching import Searched, search
from .synthesising import Synthesised, synth
from .tracing import Traced, trace
from .training import Trained, train
from .verifying import Verified, verify
from .weights import read_weights, register_writes, with_weights
from .zoo import Zoo, zoo

__all__ = [
    "BoardBuild",
    "Boards",
    "Build",
    "Checked",
    "CompileOptions",
    "Compiled",
    "Compressed",
    "Diagnosis",
    "Driven",
    "ExportedIp",
    "Flashed",
    "Inspection",
    "Layer",
    "Made",
    "Outputs",
    "Rates",
    "Reported",
    "Result",
    "Searched",
    "Synthesised",
    "Traced",
    "Trained",
    "Verified",
    "Zoo",
    "boards",
    "build",
    "check",
    "compile",
    "compress",
    "doctor",
    "drive",
    "export_ip",
    "flash",
    "inspect",
    "integers_beside",
    "load_build",
    "make",
    "read_weights",
    "register_writes",
    "report",
    "require",
    "run",
    "search",
    "synth",
    "trace",
    "train",
    "verify",
    "with_weights",
    "zoo",
]
