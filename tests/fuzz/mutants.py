"""Many damaged models, each read within limits of time and memory, counted by what came of them.

``python -m fuzz.mutants 120000 --state mutants.json`` (with ``tests`` on the path) goes through
mutants of bytes and of structure of every model of `victims`, in blocks, each in a process of its
own, and goes on where an earlier run with the same file stopped. ``--again`` judges only those
again that the file lists as faults. A mutant is

- ``refused``: in one printable line;
- ``right``: compiled, and equal to the independent evaluator; ``unjudged``: compiled, no more;
- ``silent``: compiled to something else; ``traceback``: any other exception; ``slow``, ``large``:
  beyond the limits; ``signal``: the process died. The last five are faults, and are listed.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from fuzz.victim import judge, mutated, restructured
from fuzz.victims import VICTIMS

SECONDS = 10
"""CPU time of one mutant."""

MEMORY = 1 << 30
"""Address space that one mutant may take beyond what the process has before."""

BLOCK = 500
"""Mutants of one process."""

FAULTS = ("silent", "traceback", "slow", "large", "signal")


class OutOfTime(BaseException):
    """A mutant has used up its CPU time; no handler of errors takes it."""


def _out_of_time(number: int, frame: object) -> None:
    raise OutOfTime


def damaged(victim: str, kind: str, seed: int) -> bytes:
    """One mutant: ``bytes`` or ``parts`` of a victim."""
    proto = VICTIMS[victim]()
    if kind == "bytes":
        return mutated(proto.SerializeToString(), seed)
    return restructured(proto, seed)


def outcome(data: bytes, folder: Path) -> tuple[str, str]:
    """What comes of one mutant, and the words of a fault."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return judge(data, folder, samples=2), ""
    except OutOfTime:
        return "slow", ""
    except MemoryError:
        return "large", ""
    except AssertionError as error:
        return "silent", str(error)[:300]
    except Exception as error:
        return "traceback", repr(error)[:300]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def block(victim: str, kind: str, first: int, count: int) -> None:
    """Judge a block in this process; a line for each mutant before and after it."""
    signal.signal(signal.SIGPROF, _out_of_time)
    with tempfile.TemporaryDirectory() as folder:
        whole = VICTIMS[victim]().SerializeToString()
        judge(whole, Path(folder), samples=1)  # imports packages
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
        for seed in range(first, first + count):
            print(json.dumps(["at", seed]), flush=True)
            what, why = outcome(damaged(victim, kind, seed), Path(folder))
            print(json.dumps([what, seed, why]), flush=True)


def _run_block(victim: str, kind: str, first: int, count: int) -> tuple[Counter[str], list[str]]:
    """Judge a block in a process; one that dies is started again behind the mutant at fault."""
    seen: Counter[str] = Counter()
    faults: list[str] = []
    end = first + count
    while first < end:
        command = [
            sys.executable,
            "-m",
            "fuzz.mutants",
            "--block",
            victim,
            kind,
            str(first),
            str(end),
        ]
        tests = Path(__file__).parents[1]  # where the module is found
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=tests)
        last = None
        for line in done.stdout.splitlines():
            what, seed, *why = json.loads(line)
            last = seed
            if what == "at":
                continue
            seen[what] += 1
            if what in FAULTS:
                faults.append(f"{victim} {kind} {seed}: {what} {why[0]}")
        if done.returncode == 0:
            break
        if last is None:
            raise RuntimeError(f"the block of {victim} cannot be judged: exit {done.returncode}")
        seen["signal"] += 1
        faults.append(f"{victim} {kind} {last}: signal, exit {done.returncode}")
        first = last + 1
    return seen, faults


def run(
    count: int, state: Path, first: int = 0, victims: Iterable[str] = VICTIMS
) -> dict[str, object]:
    """Judge ``count`` mutants in all and return the counts; ``state`` holds what is done."""
    ways = [(v, k) for v in victims for k in ("bytes", "parts")]
    each = -(-count // len(ways))
    blocks = [
        (victim, kind, start, min(BLOCK, first + each - start))
        for start in range(first, first + each, BLOCK)
        for victim, kind in ways
    ]
    done = json.loads(state.read_text()) if state.exists() else {}
    for victim, kind, start, size in blocks:
        key = f"{victim} {kind} {start} {size}"
        if key in done:
            continue
        seen, faults = _run_block(victim, kind, start, size)
        done[key] = {"seen": dict(seen), "faults": faults}
        state.write_text(json.dumps(done, indent=1))
        print(f"{key}: {dict(seen)}", *faults, sep="\n  ", flush=True)
    total: Counter[str] = Counter()
    for value in done.values():
        total.update(value["seen"])
    return {
        "mutants": sum(total.values()),
        "seen": dict(total),
        "faults": [f for v in done.values() for f in v["faults"]],
    }


def again(state: Path) -> dict[str, object]:
    """Judge the mutants that ``state`` lists as faults once more, each in a process of its own."""
    listed = [f for block in json.loads(state.read_text()).values() for f in block["faults"]]
    seen: Counter[str] = Counter()
    faults: list[str] = []
    for fault in listed:
        victim, kind, seed = fault.partition(":")[0].split()
        one, still = _run_block(victim, kind, int(seed), 1)
        seen.update(one)
        faults += still
    return {"mutants": len(listed), "seen": dict(seen), "faults": faults}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=12_000, help="mutants in all")
    parser.add_argument("--state", type=Path, default=Path("mutants.json"), help="what is done")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--again", action="store_true", help="only what the state lists as faults")
    parser.add_argument("--only", nargs="*", default=[*VICTIMS], choices=VICTIMS, help="victims")
    parser.add_argument("--block", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.block:
        victim, kind, start, end = asked.block
        block(victim, kind, int(start), int(end) - int(start))
        return 0
    if asked.again:
        total = again(asked.state)
    else:
        total = run(asked.count, asked.state, asked.first, asked.only)
    print(json.dumps(total, indent=1))
    return 1 if total["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
