"""Several designs in one Verilog top; a plusarg chooses the one that the bench talks to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bitrill.ir import INPUT, Graph
from bitrill_hw.design.verilog import verilog
from bitrill_sim.ports import Dut


def together(graphs: Sequence[Graph]) -> str:
    """Module ``top`` with an instance of every design; ``+graph=K`` connects its streams to one.

    The other designs are idle: nothing is offered to them, and nothing taken.
    """
    texts = [re.sub(r"\btop\b", f"graph{k}", verilog(g)) for k, g in enumerate(graphs)]
    ports = [widths(g) for g in graphs]
    i, o = (max(w) for w in zip(*ports, strict=True))
    parts = {name: part for text in texts for name, part in modules(text).items()}
    return "\n".join(
        [*parts.values(), _head(i, o), *map(_instance, range(len(graphs)), ports), _TAIL]
    )


def modules(text: str) -> dict[str, str]:
    """The modules of a Verilog text by their first lines; tables and cells are in many texts."""
    return {part.partition("\n")[0]: part for part in re.split(r"(?m)^(?=module )", text)}


def chosen(k: int, source: Path) -> Dut:
    """Design ``k`` of a `together`."""
    return Dut(sources=(source,), plusargs=(f"+graph={k}",))


def widths(graph: Graph) -> tuple[int, int]:
    """Bits of tdata at input and output, whole bytes."""
    first, last = graph.reader(INPUT), graph.producer(graph.output)
    bits = (first.lanes_in * first.x.type.bits, last.lanes_out * last.y.type.bits)
    return -(-bits[0] // 8) * 8, -(-bits[1] // 8) * 8


def _head(i: int, o: int) -> str:
    return f"""
module top(
  input aclk, input aresetn,
  input [{i - 1}:0] s_axis_tdata, input s_axis_tvalid, input s_axis_tlast,
  output reg s_axis_tready,
  output reg [{o - 1}:0] m_axis_tdata, output reg m_axis_tvalid, output reg m_axis_tlast,
  input m_axis_tready, output reg error
);
  integer chosen;
  initial if (!$value$plusargs("graph=%d", chosen)) $fatal(1, "no graph is chosen");
"""


def _instance(k: int, widths: tuple[int, int]) -> str:
    i, o = widths
    return f"""
  wire ready{k}, valid{k}, last{k}, error{k};
  wire [{o - 1}:0] data{k};
  graph{k} g{k}(
    .aclk(aclk), .aresetn(aresetn), .s_axis_tdata(s_axis_tdata[{i - 1}:0]),
    .s_axis_tvalid(s_axis_tvalid && chosen == {k}), .s_axis_tlast(s_axis_tlast),
    .s_axis_tready(ready{k}), .m_axis_tdata(data{k}), .m_axis_tvalid(valid{k}),
    .m_axis_tlast(last{k}), .m_axis_tready(m_axis_tready && chosen == {k}), .error(error{k})
  );
  always @* if (chosen == {k}) begin
    s_axis_tready = ready{k}; m_axis_tdata = data{k}; m_axis_tvalid = valid{k};
    m_axis_tlast = last{k}; error = error{k};
  end
"""


_TAIL = "endmodule\n"
