"""CPU seconds and memory of `verify`, its simulator built, and of a network that is trained again.

    python benchmarks/verify.py [NAME ...] [--json FILE]

Networks are drawn (`drawn`). The second one has other weights and norms, is compiled with ``like``
the first, and should start no compiler: the last column counts the programs that were compiled, or
says why the network does not fit the first one's structure.
Seconds are of this process and of all that it started; memory is the largest process'. Each network
is measured in a process of its own, with an empty cache folder.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Network:
    """Recipe of `drawn` with its sizes, choices of `compile`, frames to verify."""

    drawn: tuple[str | int, ...]
    choices: dict[str, Any]
    frames: int


NETWORKS = {
    "lenet": Network(("lenet", 4, 4, 6, 28), {}, 100),
    "keywords": Network(
        ("keywords", 3, 3, 256, 0), {"part": "xc7z020clg400-1", "fps": 20000.0}, 100
    ),
    "resnet8": Network(("resnet8", 4, 4, 16, 32), {"fps": 500.0}, 10),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("networks", nargs="*", metavar="NAME", help=f"of {', '.join(NETWORKS)}")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--measure", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(NETWORKS[options.measure])))
        return 0
    done = {}
    print("network   frames  top.v MB  contents MB  verify s  MiB   again s  compiled again")
    for name in options.networks or NETWORKS:
        with tempfile.TemporaryDirectory() as cache:
            out = subprocess.run(
                [sys.executable, __file__, "--measure", name],
                env=os.environ | {"BITRILL_CACHE": cache},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout
        f = done[name] = json.loads(out)
        print(
            f"{name:9} {f['frames']:6}  {f['verilog'] / 1e6:8.2f}  {f['contents'] / 1e6:11.2f}"
            f"  {f['first']:8.1f}  {f['mib']:4.0f}",
            f.get("refused") or f"{f['again']:8.1f}  {f['compiled']}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(done, indent=1) + "\n")
    return 0


def seconds() -> float:
    """CPU seconds of this process and of all that it started and that ended."""
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def measure(network: Network) -> dict[str, Any]:
    """Compile and verify in this process, then again with other weights."""
    from bitrill import flow
    from bitrill_sim import verilator
    from bitrill_sim.contents import separate

    compiled: list[str] = []
    run_all = verilator.run_all

    def counted(commands: Any, *given: Any, **named: Any) -> None:
        compiled.extend(c.what for c in commands)
        run_all(commands, *given, **named)

    verilator.run_all = counted
    with tempfile.TemporaryDirectory() as folder:
        models = [Path(folder, f"{k}.onnx") for k in range(2)]
        maker = Path(__file__).with_name("drawn.py")
        for seed, model in enumerate(models):
            sizes = map(str, (*network.drawn, seed))
            subprocess.run([sys.executable, maker, *sizes, model], check=True)
        first = flow.compile(models[0], out=Path(folder, "first"), **network.choices)
        began = seconds()
        _verified(first, network.frames)
        middle = seconds()
        peak = max(resource.getrusage(w).ru_maxrss for w in (0, -1)) / 1024
        again = _verified_again(models[1], first, network.frames, compiled)
        verilog = first.build.verilog
        return {
            "frames": network.frames,
            "ii": float(first.build.predicted.ii),
            "verilog": verilog.stat().st_size,
            "contents": verilog.stat().st_size - sum(map(len, separate([verilog]).sources)),
            "first": middle - began,
            "mib": peak,
            **again,
        }


def _verified_again(model: Path, first: Any, frames: int, compiled: list[str]) -> dict[str, Any]:
    """Compile a network like the first and verify it; or say why it does not fit."""
    from bitrill import flow
    from bitrill.errors import BitrillError

    try:
        again = flow.compile(model, out=model.parent / "again", like=first.build.folder)
    except BitrillError as error:
        return {"refused": str(error)}
    compiled.clear()
    began = seconds()
    _verified(again, frames)
    return {"again": seconds() - began, "compiled": len(compiled)}


def _verified(done: Any, frames: int) -> None:
    from bitrill import flow

    result = flow.verify(done.build, samples=frames, progress=lambda *_: None)
    if not (result.ok and result.cycles_exact):
        sys.exit(f"{done.build.folder}: {result}")


if __name__ == "__main__":
    sys.exit(main())
