"""Verifies a single operator against its golden model, in any engine."""

import time
from pathlib import Path

import numpy as np
from bitrill.engines import Engine, check_engine
from bitrill.ir import Operator
from bitrill.ir.graph import INPUT, Graph, Stage
from bitrill.ir.interface import Sink, Source
from bitrill.progress import Progress, silent
from bitrill.storage import write_text

from . import stalls
from .job import streams
from .outcome import Report
from .ports import STREAM, Dut
from .rig import Rig
from .runs import Run


def verify_operator(
    op: Operator,
    x: np.ndarray,
    *,
    engine: Engine = "cocotb",
    stall: float = 0.0,
    seed: int = 0,
    work: Path,
    progress: Progress = silent,
) -> Report:
    """Run every frame of ``x`` (integers ``[N, *op.x.shape]``) through the operator's hardware.

    Like `bitrill_sim.verify`, but with the operator's own streams, and without comparing time,
    which also depends on what is around an operator. Verilog and simulators are kept in ``work``.
    """
    began = time.monotonic()
    check_engine(engine)
    graph = alone(op)
    i, o = streams(graph, STREAM)
    moves = op.schedule()
    rig = Rig(
        engine=engine,
        i=i,
        o=o,
        work=work,
        cycles=moves.n_in + moves.n_step + moves.n_out,
        ports=STREAM,
        progress=progress,
        **_hardware(op, engine, work),
    )
    run = Run(rig, graph, None, seed, work / "mismatch")
    result = run(graph.source.flatten(x), stalls.pair(stall, seed, long=rig.cycles))
    return result.report(predicted=None, engine=engine, stall=stall, seed=seed, began=began)


def alone(op: Operator) -> Graph:
    """Return a graph of only that node; it has no FIFOs, so it can be run, but not built."""
    op = op.replace(inputs=(INPUT,))
    return Graph(
        name=op.name,
        stage=Stage.FOLDED,
        source=Source(shape=op.x.shape, tensor=op.x, raw_scale="1", channel_last=True),
        nodes=(op,),
        sink=Sink(shape=op.y.shape, edge=op.name, tensor=op.y, channel_last=True),
    )


def _hardware(op: Operator, engine: Engine, work: Path) -> dict:
    from bitrill_hw.design.build import component
    from bitrill_hw.memories.roms import convert

    core = component(op)
    if engine == "amaranth":
        return {"component": core}
    text = convert(core, name="op")
    write_text(work / f"{op.name}.v", text)
    return {"dut": Dut(sources=(work / f"{op.name}.v",), top="op", ports=STREAM)}
