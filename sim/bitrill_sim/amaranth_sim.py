"""Engine amaranth: runs a job in Amaranth's own simulator.

It needs neither Verilog nor a compiler, and simulates a few thousand cycles a second.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from functools import reduce
from typing import Any

from amaranth.lib.wiring import Component
from amaranth.sim import Simulator
from bitrill.progress import Progress, silent

from .access import OUTPUTS, idle
from .bench import RESET_CYCLES, DutOutputs, StreamBench
from .job import Capture, Job, Violation
from .ports import Ports

_REPORT = 512
"""Cycles between two reports of progress."""


def simulate(
    component: Component, job: Job, *, ports: Ports, progress: Progress = silent
) -> Capture:
    """Run a job, whose input files have already been written, on a component of domain ``sync``.

    A component without a reset port starts from its initial state, which equals its reset state.
    """
    signals = {
        k: reduce(getattr, v.split("__"), component)
        for k, v in ports.names.items()
        if hasattr(component, v.split("__")[0])
    }
    with StreamBench(job.folder, job.numbers, has_last="m_last" in signals) as bench:
        simulator = Simulator(component)
        simulator.add_clock(1e-8)
        simulator.add_testbench(_testbench(bench, signals, ports.reset_level, job, progress))
        waves = simulator.write_vcd(str(job.wave)) if job.wave is not None else nullcontext()
        with waves:
            simulator.run()
    violations = tuple(Violation(k, *v) for k, v in bench.violations.items())
    return Capture(job, bench.status, bench.cycle, violations)


def _testbench(
    bench: StreamBench, signals: dict[str, Any], level: int, job: Job, progress: Progress
) -> Any:
    """Return the process that drives the inputs and samples the outputs before each clock edge.

    Only inputs that change are driven, because each assignment costs time.
    """
    watched = [signals[k] for k in ("s_ready", "m_valid")]
    extras = [k for k in ("m_last", "error") if k in signals]
    extras += [f"word{k}_ready" for k in range(len(bench.feeders))]
    watched += [_raw(signals["m_data"]), *(signals[k] for k in extras)]
    driven = {k: v for k, v in signals.items() if k in ("s_valid", "s_last", "m_ready")}
    data = _raw(signals["s_data"])

    async def run(ctx: Any) -> None:
        await _reset(ctx, signals, level)
        if len(bench.master.accesses):
            await _access(ctx, bench, signals)
            await _reset(ctx, signals, level)
        shown: dict[str, object] = {}
        running = True
        while running:
            i = bench.drive()
            now = {"s_valid": i.valid, "s_last": i.last, "m_ready": i.ready}
            for k, signal in driven.items():
                if shown.get(k) != now[k]:
                    ctx.set(signal, now[k])
            if shown.get("data") != i.data:
                ctx.set(data, i.data)
            for k, (valid, word) in enumerate(i.words):
                ctx.set(signals[f"word{k}_valid"], valid)
                ctx.set(signals[f"word{k}_data"], word)
            shown = {**now, "data": i.data}
            _, _, ready, valid, payload, *values = await ctx.tick().sample(*watched)
            o = DutOutputs(bool(ready), bool(valid), payload)
            _set_optional(o, dict(zip(extras, values, strict=True)))
            running = bench.observe(o)
            if bench.cycle % _REPORT == 0:
                progress("simulating", bench.taken // job.o.beats, job.frames)

    return run


def _set_optional(o: DutOutputs, values: Mapping[str, int]) -> None:
    """Set those outputs that only some designs have."""
    o.last = bool(values["m_last"]) if "m_last" in values else None
    o.error = bool(values.get("error", 0))
    o.words = [bool(value) for name, value in values.items() if name.startswith("word")]


async def _reset(ctx: Any, signals: dict[str, Any], level: int) -> None:
    if "reset" in signals:
        ctx.set(signals["reset"], level)
        for _ in range(RESET_CYCLES):
            await ctx.tick()
        ctx.set(signals["reset"], 1 - level)


async def _access(ctx: Any, bench: StreamBench, signals: dict[str, Any]) -> None:
    """Write the registers and read them back."""
    watched = [signals[f"axi_{k}"] for k in OUTPUTS]
    running = True
    while running:
        i = bench.master.drive()
        for k, v in i.items():
            ctx.set(signals[f"axi_{k}"], v)
        _, _, *seen = await ctx.tick().sample(*watched)
        running = bench.access(i, dict(zip(OUTPUTS, seen, strict=True)))
    for k, v in idle().items():
        ctx.set(signals[f"axi_{k}"], v)


def _raw(signal: Any) -> Any:
    """Return a payload as plain bits."""
    return signal.as_value() if hasattr(signal, "as_value") else signal
