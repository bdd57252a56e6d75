"""The Python bench as a cocotb test, which runs inside the simulator.

`bitrill_sim.cocotb_sim` starts it; an environment variable names its job. It drives the clock
itself, low then high, and reads values only after they have settled, so that all simulators return
the same, whatever their order of events.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import cocotb
from bitrill.storage import write_json
from cocotb.triggers import Timer

from .access import INPUTS, OUTPUTS, idle
from .bench import CYCLE_NS, RESET_CYCLES, DutOutputs, StreamBench

SPEC = "BITRILL_JOB"
"""Environment variable: path of the job's ``job.json``."""

_REPORT_SECONDS = 0.2


@cocotb.test()
async def frames(dut: Any) -> None:
    """Send every frame and record the results; a broken rule of the stream fails the test."""
    folder = Path(os.environ[SPEC]).parent
    spec = json.loads(Path(os.environ[SPEC]).read_text())
    names = spec["names"]
    pins = {k: getattr(dut, v) for k, v in names.items()}
    half = Timer(CYCLE_NS // 2, unit="ns")
    with StreamBench(folder, spec["numbers"], has_last="m_last" in pins) as bench:
        await _reset(pins, spec["reset_level"], half)
        if len(bench.master.accesses):
            await _access(pins, bench, half)
            await _reset(pins, spec["reset_level"], half)
        reported, running = time.monotonic(), True
        while running:
            await _low(pins, bench, half)
            running = bench.observe(_outputs(pins))
            pins["clock"].value = 1
            await half
            if bench.cycle % 256 == 0 and time.monotonic() - reported > _REPORT_SECONDS:
                reported = time.monotonic()
                done = bench.taken // spec["numbers"]["out_beats"]
                (folder / "progress").write_text(str(done))
        write_json(folder / "result.json", bench.result())
    if bench.status != "done" or bench.violations:
        raise AssertionError(f"{bench.status}; rules broken: {bench.violations}")


async def _reset(pins: dict[str, Any], level: int, half: Timer) -> None:
    pins["reset"].value = level
    inputs = [f"axi_{name}" for name in INPUTS]
    inputs += [name for name in pins if name.startswith("word") and not name.endswith("_ready")]
    for name in ("s_valid", "s_data", "m_ready", *inputs):
        if name in pins:
            pins[name].value = 0
    for _ in range(RESET_CYCLES):
        pins["clock"].value = 0
        await half
        pins["clock"].value = 1
        await half
    pins["reset"].value = 1 - level


async def _access(pins: dict[str, Any], bench: StreamBench, half: Timer) -> None:
    """Write the registers and read them back; an answer with an unknown bit does not count."""
    running = True
    while running:
        i = bench.master.drive()
        pins["clock"].value = 0
        for name, value in i.items():
            pins[f"axi_{name}"].value = value
        await half
        values = {name: pins[f"axi_{name}"].value for name in OUTPUTS}
        seen = {name: int(v) if v.is_resolvable else 0 for name, v in values.items()}
        running = bench.access(i, seen)
        pins["clock"].value = 1
        await half
    for name, value in idle().items():
        pins[f"axi_{name}"].value = value


async def _low(pins: dict[str, Any], bench: StreamBench, half: Timer) -> None:
    """Let the clock fall, change the cycle's inputs, and let all signals settle."""
    i = bench.drive()
    pins["clock"].value = 0
    pins["s_valid"].value = int(i.valid)
    pins["s_data"].value = i.data
    pins["m_ready"].value = int(i.ready)
    if "s_last" in pins:
        pins["s_last"].value = int(i.last)
    for k, (valid, word) in enumerate(i.words):
        pins[f"word{k}_valid"].value = int(valid)
        pins[f"word{k}_data"].value = word
    await half


def _outputs(pins: dict[str, Any]) -> DutOutputs:
    valid = _bit(pins["m_valid"])
    out = DutOutputs(_bit(pins["s_ready"]), valid)
    streams = sum(name.startswith("word") and name.endswith("_ready") for name in pins)
    out.words = [_bit(pins[f"word{k}_ready"]) for k in range(streams)]
    if "error" in pins:
        out.error = _bit(pins["error"])
    if valid:
        value = pins["m_data"].value
        out.data = int(value) if value.is_resolvable else None
        if "m_last" in pins:
            out.last = _bit(pins["m_last"])
    return out


def _bit(pin: Any) -> bool | None:
    value = pin.value
    return bool(value) if value.is_resolvable else None
