"""CPU seconds and peak memory of `compile`, stage by stage, each network in a process of its own.

    python benchmarks/compile.py [NAME | MODEL.onnx ...] [--until STAGE] [--series] [--json FILE]

Without names: all of `NETWORKS`, whose weights and batch norms are drawn (`drawn`). ``--until
integer`` stops at the INTEGER graph, ``--until fold`` at the FOLDED one. ``--series``: networks
that differ in weights, pixels or levels alone, and the exponent with which time grows. Memory is
the peak up to the end of a stage.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common import ROOT

COLUMNS = ("import", "integer", "fold", "Verilog", "files")

CLOCK_MHZ = 100.0


@dataclass(frozen=True)
class Network:
    """A network of `drawn`: recipe, bits of weights and activations, channels, side of its input.

    ``fps``: frames a second to fold for, None for the default folding; ``goal``: seconds of CPU,
    and MiB, that it should take at the most.
    """

    recipe: str
    weights: int
    acts: int
    width: int
    side: int = 0
    fps: float | None = None
    goal: str = ""

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.recipe}_w{self.weights}a{self.acts}_{self.width}_{self.side}"


NETWORKS = {
    "tfc": Network("dense", 1, 1, 64, 28, goal="1"),
    "lfc": Network("dense", 1, 1, 1024, 28, goal="3"),
    "keywords": Network("keywords", 3, 3, 256, goal="6, 250 MiB"),
    "cnv": Network("cnv", 1, 1, 64, 32, 3051),
    "resnet8": Network("resnet8", 8, 8, 16, 32, 500, "8, 400 MiB"),
    "resnet20": Network("resnet20", 8, 8, 16, 32, 500, "15, 400 MiB"),
    "vww": Network("mobilenet", 8, 8, 8, 96, 30, "12"),
    "mobilenet2": Network("mobilenet2", 8, 8, 32, 224, 10, "30"),
    "mobilenet": Network("mobilenet", 4, 4, 32, 224, 100, "40, 1000 MiB"),
    "resnet50": Network("resnet50", 1, 2, 64, 224, 100, "240, 3000 MiB"),
}
"""``mobilenet``: v1 of width 1.0; ``vww``: of width 0.25; ``mobilenet2`` and ``resnet50``: 1.0."""

SERIES = {
    "weights": [Network("keywords", 3, 3, n) for n in (256, 512, 1024, 2048)],
    "pixels": [Network("mobilenet", 4, 4, 8, n, 10) for n in (96, 160, 224, 352)],
    "levels": [Network("mobilenet", 8, n, 8, 96, 30) for n in (2, 4, 6, 8)],
}
"""Networks that differ in one thing alone."""

SIZES = {
    "weights": lambda f, _: f["weights"],
    "pixels": lambda _, n: n.side**2,
    "levels": lambda _, n: (1 << n.acts) - 1,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NAME", help=f"of {', '.join(NETWORKS)}")
    parser.add_argument("--until", choices=COLUMNS[1:3], help="stop behind this stage")
    parser.add_argument("--series", action="store_true", help="growth in weights, pixels, levels")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--fps", type=float, help="of model files")
    parser.add_argument("--part", help="that each must fit")
    parser.add_argument("--measure", type=Path, metavar="MODEL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        figures = measure(options.measure, options.fps, options.part, options.until)
        print(json.dumps(figures))
        return 0
    more = ["--until", options.until] if options.until else []
    more += ["--part", options.part] if options.part else []
    if options.series:
        done = {name: series(name, more) for name in SERIES}
    else:
        done = rows(options.networks or list(NETWORKS), options.fps, more)
    if options.json:
        options.json.write_text(json.dumps(done, indent=1) + "\n")
    return 0


def rows(names: Sequence[str], fps: float | None, more: Sequence[str]) -> dict[str, Any]:
    """Measure networks by name or file, and print a line of each as it is done."""
    done: dict[str, Any] = {}
    print(*HEAD, sep=GAP)
    for name in names:
        network = NETWORKS.get(name)
        if network is None and not Path(name).is_file():
            sys.exit(f"a network must be one of {', '.join(NETWORKS)} or a file, not {name!r}")
        if network:
            figures = run(drawn_model(network), network.fps, more)
        else:
            figures = run(Path(name), fps, more)
        done[name] = figures
        goal = network.goal if network else ""
        print(_line(Path(name).stem, figures, goal), flush=True)
    return done


HEAD = (
    "network   ",
    "weights   ",
    "nodes",
    "levels ",
    *(f"{c:7}" for c in COLUMNS),
    "CPU s  ",
    "MiB folded",
    "MiB   ",
    "goal",
)


GAP = "  "


def _line(name: str, f: dict[str, Any], goal: str = "") -> str:
    stages, memory = f["seconds"], f["mib"]
    each = (f"{stages[c]:.1f}" if c in stages else "" for c in COLUMNS)
    figures = (name, f"{f['weights']:,}", str(f["nodes"]), f"{f['levels']:,}", *each)
    peak = max(memory.values())
    cells = (*figures, f"{f['cpu']:.1f}", f"{memory.get('fold', 0):.0f}", f"{peak:.0f}", goal)
    return GAP.join(c.ljust(len(h)) for c, h in zip(cells, HEAD, strict=True)).rstrip()


def series(what: str, more: Sequence[str]) -> list[dict[str, Any]]:
    """Measure networks that differ in one thing, and print the growth of time with it."""
    done = []
    print(f"\n{what}", GAP.join(HEAD), sep="\n")
    for network in SERIES[what]:
        figures = run(drawn_model(network), network.fps, more)
        figures |= {"size": SIZES[what](figures, network), "network": asdict(network)}
        done.append(figures)
        print(_line(str(figures["size"]), figures), flush=True)
    x, y = [math.log(f["size"]) for f in done], [math.log(f["cpu"]) for f in done]
    last = (y[-1] - y[-2]) / (x[-1] - x[-2])
    print(f"time grows as {what} ** {_slope(x, y):.2f}, between the last two as ** {last:.2f}")
    return done


def _slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Slope of least squares."""
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
    return above / sum((a - x) ** 2 for a in xs)


def drawn_model(network: Network) -> Path:
    """Write a network's file to ``build/bench``, once, in a process of its own.

    What is measured is forked from this one, and counts its memory until it runs.
    """
    path = ROOT / "build" / "bench" / f"{network.name}.onnx"
    if not path.is_file():
        sizes = map(str, (network.weights, network.acts, network.width, network.side))
        maker = Path(__file__).with_name("drawn.py")
        subprocess.run([sys.executable, maker, network.recipe, *sizes, path], check=True)
    return path


def run(model: Path, fps: float | None, more: Sequence[str]) -> dict[str, Any]:
    """Measure one compilation in a process of its own."""
    rate = [] if fps is None else ["--fps", str(fps)]
    command = [sys.executable, __file__, "--measure", str(model), *rate, *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{model} could not be compiled")
    return json.loads(done.stdout)


@dataclass
class Stages:
    """Seconds of CPU of each stage, and the peak memory at its end."""

    seconds: dict[str, float] = field(default_factory=dict)
    mib: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        before = cpu_seconds()
        yield
        self.seconds[name] = cpu_seconds() - before
        self.mib[name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(model: Path, fps: float | None, part: str | None, until: str | None) -> dict[str, Any]:
    """Compile in this process, by the steps of `bitrill.flow.compile`."""
    from bitrill.flow import import_and_fold
    from bitrill.flow.builds import write_build
    from bitrill.flow.verilog_file import write_verilog
    from bitrill.lowering import to_integer
    from bitrill.parts.devices import DEFAULT_PART, part_of
    from bitrill.timing.predict import predict

    stages = Stages()
    with stages.stage("import"):
        graph = import_and_fold.load(model)
    with stages.stage("integer"):
        graph = to_integer(graph)
    if until != "integer":
        with stages.stage("fold"):
            holds = part_of(part or DEFAULT_PART)
            goals = (
                [import_and_fold.Goal(holds, fps)]
                if part
                else import_and_fold.usual_goals(graph, holds, fps)
            )
            graph, _ = import_and_fold.fold_for(graph, CLOCK_MHZ, goals, deep=True)
    if until is None:
        with stages.stage("Verilog"):
            verilog = write_verilog(graph)
        with stages.stage("files"), tempfile.TemporaryDirectory() as out:
            write_build(Path(out) / "build", graph, verilog, predict(graph))
    kinds = [n.out.n_values - 1 for n in graph.nodes if n.kind in ("threshold", "requantize")]
    return {
        "nodes": len(graph.nodes),
        "weights": sum(n.weights.size for n in graph.nodes if hasattr(n, "weights")),
        "levels": max(kinds, default=0),
        "cpu": cpu_seconds(),
        **asdict(stages),
    }


if __name__ == "__main__":
    sys.exit(main())
