"""Proofs without bound: FIFOs and elastic pipelines keep order, and lose nothing.

Each proof must also see the faults planted below, by a counterexample from the initial state.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bitrill_hw.pipeline import elastic as elastic_module
from bitrill_hw.pipeline import fifo as fifo_module
from bitrill_hw.pipeline.stream import beats
from hw.proving import StreamProof, planted, prove, wrapped

FORMS = [
    ("registers", 2),
    ("distributed", 3),
    ("distributed", 4),
    ("block", 3),
    ("block", 4),
    ("block", 5),
]


def fifo_proof(form: str, depth: int, module: Any = fifo_module) -> StreamProof:
    """A proof for `Fifo`: the stream rules, and valid and ready as its docstring says."""
    fifo = module.Fifo(2, depth, form=form)
    if form != "registers":
        peek = fifo.memory.read_port(domain="comb")

    def more(p: StreamProof, m: Module) -> list[Any]:
        rules = [fifo.o.valid == (p.count != 0), fifo.i.ready == (p.count != depth)]
        if form == "registers":
            at = fifo.read_at ^ p.ahead[0]
            return [
                *rules,
                fifo.write_at == fifo.read_at ^ p.count[0],
                ~p.marked | (Mux(at, fifo.slots[1], fifo.slots[0]) == p.value),
            ]
        # all but the head of the block form stand in the memory, from read_at on
        outside = 1 if form == "block" else 0
        stored = Mux(p.count == 0, 0, p.count - outside)
        m.d.comb += peek.addr.eq(wrapped(fifo.read_at + p.ahead - outside, fifo.words))
        return [
            *rules,
            fifo.level == p.count,
            fifo.read_at < fifo.words,
            fifo.write_at == wrapped(fifo.read_at + stored, fifo.words),
            ~(p.marked & (p.ahead >= outside)) | (peek.data == p.value),
        ]

    return StreamProof(fifo, depth, more)


class Pipe(wiring.Component):
    """An elastic pipeline of ``stages`` for payloads of two bits."""

    def __init__(self, stages: int, module: Any, ahead: bool):
        self.stages, self.module, self.ahead = stages, module, ahead
        super().__init__({"i": In(beats(2)), "o": Out(beats(2))})
        self.data = [Signal(2, name=f"held{s + 1}") for s in range(stages)]
        self.valid = [Signal(name=f"full{s + 1}") for s in range(stages)]
        self.known = [Signal(name=f"known{s + 1}") for s in range(stages)]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        flow = self.module.Elastic(
            m, stages=self.stages, valid=self.i.valid, ready=self.o.ready, ahead=self.ahead
        )
        held = [self.i.payload]
        for stage in range(1, self.stages + 1):
            held.append(flow.register(stage, held[-1], f"data{stage}"))
        m.d.comb += [
            self.i.ready.eq(flow.load[1]),
            self.o.valid.eq(flow.valid[-1]),
            self.o.payload.eq(held[-1]),
            *(s.eq(d) for s, d in zip(self.data, held[1:], strict=True)),
            *(s.eq(v) for s, v in zip(self.valid, flow.valid[1:], strict=True)),
            # what stage s + 1 and those behind it hold, or what a register says of it
            *(
                known.eq(flow.full.get(s + 1, Cat(flow.valid[s + 1 :]).all()))
                for s, known in enumerate(self.known)
            ),
        ]
        return m


def elastic_proof(stages: int, module: Any = elastic_module, *, ahead: bool = False) -> StreamProof:
    """A proof for `Elastic`: the stream rules; it fills up; bubbles close up at every edge."""
    pipe = Pipe(stages, module, ahead)

    def more(p: StreamProof, m: Module) -> list[Any]:
        rules = [p.count == sum(pipe.valid), pipe.i.ready == ((p.count != stages) | pipe.o.ready)]
        for s in range(stages):
            here = p.marked & pipe.valid[s] & (p.ahead == sum(pipe.valid[s + 1 :]))
            rules.append(~here | (pipe.data[s] == p.value))
            rules.append(pipe.known[s] == Cat(pipe.valid[s:]).all())
        for one, two in pairwise(pipe.valid):
            bubble = Signal()
            m.d.sync += bubble.eq(one & ~two)
            rules.append(~bubble | two)
        return rules

    return StreamProof(pipe, stages, more)


REGISTERS, DISTRIBUTED, BLOCK = FORMS[:1], FORMS[1:3], FORMS[3:]

# (text, what it becomes, forms whose proof must find a counterexample)
FAULTS = {
    "ready when full": ("self.ready.eq(~room)", "self.ready.eq(1)", FORMS),
    "valid when empty": ("self.o.valid.eq(~one)", "self.o.valid.eq(1)", FORMS),
    "full at the start": ("Signal(init=1)", "Signal()", FORMS),
    "head moves while stalled": ("self.read_at ^ pop", "self.read_at ^ self.o.valid", REGISTERS),
    "a slot written twice": ("self.write_at ^ push", "self.write_at", REGISTERS),
    "a slot overwritten": ("push & (self.write_at == k)", "push", REGISTERS),
    "a slot written while full": (
        "push & (self.write_at == k)",
        "self.i.valid & (self.write_at == k)",
        REGISTERS,
    ),
    "nothing leaves the count": (
        "Mux(push, self.level + 1, self.level - 1)",
        "self.level + 1",
        DISTRIBUTED + BLOCK,
    ),
    "pointer wraps a word late": (
        "pointer == self.words - 1, 0",
        "pointer == self.words, 0",
        [("distributed", 3), ("block", 4)],  # where the words are no power of two
    ),
    "pointer moves while stalled": (
        "with m.If(pop):\n            m.d.sync += self.read_at",
        "with m.If(self.o.valid):\n            m.d.sync += self.read_at",
        DISTRIBUTED,
    ),
    "bypass forgotten": ("bypassed.eq(1)", "bypassed.eq(0)", BLOCK),
    "bypass kept": ("bypassed.eq(0)", "bypassed.eq(1)", BLOCK),
    "read while stalled": ("read.en.eq(pop)", "read.en.eq(1)", BLOCK),
    "head stored twice": ("push & ~becomes_head)", "push)", BLOCK),
}
STAGES = (1, 2, 4)
AHEAD = (2, 4, 8)
ELASTIC_FAULTS = {
    "ready when full": ("o.eq(~Cat(full).all() | behind)", "o.eq(1)"),
    "bubbles stay": ("o.eq(~Cat(full).all() | behind)", "o.eq(behind)"),
    "payload moves while stalled": (
        "self._shared(stage, len(held[bits]))",
        "self.valid[stage - 1]",
    ),
    "beats lost": ("with m.If(self.load[s]):", "with m.If(self.load[s + 1]):"),
    "beats overwritten": ("~Cat(full).all() | behind", "self.valid[s - 1] | behind"),
}
AHEAD_FAULTS = {
    "full for one item": ("moved = Cat(valid[s : self.stages]).all()", "moved = C(1)"),
    "two bubbles close at once": ("_single(~v for v in valid[s:])", "C(1)"),
    "full no more while stalled": ("closed = full | (", "closed = C(0) | ("),
    "full when all have left": ("full.eq(0)", "full.eq(full)"),
}


@pytest.fixture(scope="module")
def outcomes():
    """The outcomes of all proofs, in one process, since starting it costs most."""
    proofs = {f"{form}_{depth}": fifo_proof(form, depth) for form, depth in FORMS}
    proofs |= {f"elastic_{n}": elastic_proof(n) for n in STAGES}
    for fault, (old, new, forms) in FAULTS.items():
        faulty = planted("bitrill_hw/pipeline/fifo.py", old, new)
        for form, depth in forms:
            proofs[f"{form}_{depth}: {fault}"] = fifo_proof(form, depth, faulty)
    for fault, (old, new) in ELASTIC_FAULTS.items():
        faulty = planted("bitrill_hw/pipeline/elastic.py", old, new)
        for n in STAGES:
            proofs[f"elastic_{n}: {fault}"] = elastic_proof(n, faulty)
    proofs |= {f"ahead_{n}": elastic_proof(n, ahead=True) for n in AHEAD}
    for fault, (old, new) in AHEAD_FAULTS.items():
        faulty = planted("bitrill_hw/pipeline/elastic.py", old, new)
        proofs |= {f"ahead_{n}: {fault}": elastic_proof(n, faulty, ahead=True) for n in AHEAD}
    return prove(proofs)


@pytest.mark.parametrize(("form", "depth"), FORMS)
def test_a_fifo_holds_keeps_order_and_loses_nothing(outcomes, form, depth):
    assert outcomes[f"{form}_{depth}"] == "proven"


@pytest.mark.parametrize("stages", STAGES)
def test_an_elastic_pipeline_holds_keeps_order_and_loses_nothing(outcomes, stages):
    assert outcomes[f"elastic_{stages}"] == "proven"


@pytest.mark.parametrize("stages", AHEAD)
def test_a_pipeline_knows_ahead_whether_it_is_full(outcomes, stages):
    assert outcomes[f"ahead_{stages}"] == "proven"


@pytest.mark.parametrize("fault", AHEAD_FAULTS)
def test_the_proof_of_what_is_known_ahead_refutes(outcomes, fault):
    for n in AHEAD:
        assert outcomes[f"ahead_{n}: {fault}"] == "refuted", n


@pytest.mark.parametrize("fault", FAULTS)
def test_the_proof_of_a_fifo_refutes(outcomes, fault):
    for form, depth in FAULTS[fault][2]:
        assert outcomes[f"{form}_{depth}: {fault}"] == "refuted", (form, depth)


@pytest.mark.parametrize("fault", ELASTIC_FAULTS)
def test_the_proof_of_a_pipeline_refutes(outcomes, fault):
    for n in STAGES:
        assert outcomes[f"elastic_{n}: {fault}"] == "refuted", n


def test_every_proof_refutes_two_faults_or_more():
    for form in FORMS:
        assert sum(form in forms for _, _, forms in FAULTS.values()) >= 2


def test_a_fault_must_stand_at_one_place():
    with pytest.raises(ValueError, match=r"holds 'm' \d+ times, not once"):
        planted("bitrill_hw/pipeline/fifo.py", "m", "n")
