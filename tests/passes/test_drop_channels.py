"""Channels that change nothing go, and the function stays; a fault of each removal is seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitrill.ir import BIPOLAR, Graph, IntType, Sink, Source, Stage, Tensor, channels, verify
from bitrill.lowering import difference, probe, to_folded
from bitrill.ops import (
    Add,
    Concat,
    Crop,
    Lookup,
    MatVec,
    MaxPool,
    Mul,
    Pad,
    Rearrange,
    Shuffle,
    SumPool,
    Threshold,
    Window,
)
from bitrill.passes import channel_values, redundant_columns
from bitrill.passes import drop_channels as module
from bitrill.passes.channel_widths import common_lanes, kept_width
from bitrill.passes.drop_channels import drop_channels
from bitrill_hw.design.verilog import verilog
from bitrill_sim import verify as simulate
from graphs.dead_channels import Drawn
from support import need_tool

INT4, UINT1, UINT2 = IntType(-8, 7), IntType(0, 1), IntType(0, 3)
EXACT: dict[str, int] = {}
"""Widths with which no channel stays to fold well."""


class Net:
    """A graph built by hand, node by node."""

    def __init__(self, x: IntType, *shape: int):
        self.tensors, self.nodes = {"input": Tensor(shape, x)}, []

    def node(self, kind: Callable[..., Any], *edges: str, **given: Any) -> str:
        operands = tuple(self.tensors[e] for e in edges)
        node = kind(name=f"n{len(self.nodes)}", inputs=edges, operands=operands, **given)
        self.nodes.append(node)
        self.tensors |= zip(node.outputs, node.results, strict=True)
        return node.name

    def matrix(self, edge: str, rows: list[list[int]], t: IntType = INT4) -> str:
        return self.node(MatVec, edge, weights=np.array(rows), weight_type=t)

    def act(self, edge: str, limits: list[list[int]], out: IntType = UINT2) -> str:
        rising = np.zeros(len(limits), bool)
        return self.node(Threshold, edge, thresholds=np.array(limits), inverted=rising, out=out)

    def graph(self, edge: str, *, scaled: bool = True) -> Graph:
        x, y = self.tensors["input"], self.tensors[edge]
        meaning = {"scale": (Fraction(1, 3),), "offset": (Fraction(2),)} if scaled else {}
        sink = Sink(shape=y.shape, edge=edge, tensor=y, channel_last=True, **meaning)
        source = Source(shape=x.shape, tensor=x, raw_scale="1", channel_last=True)
        nodes = tuple(self.nodes)
        return Graph(name="g", stage=Stage.INTEGER, source=source, nodes=nodes, sink=sink)


def inputs(graph: Graph) -> np.ndarray:
    """Every input, or many."""
    t = graph.source.tensor
    if t.type.n_values**t.size > 5000:
        return probe(graph)
    values = np.meshgrid(*[t.type.values()] * t.size, indexing="ij")
    return np.stack([a.ravel() for a in values], axis=1).reshape(-1, *t.shape)


def without(graph: Graph, **given: Any) -> Graph:
    """The graph after the pass; it computes the same."""
    after = drop_channels(graph, **({"widths": EXACT} | given))
    verify(after, Stage.INTEGER)
    x = inputs(graph)
    assert difference(graph, graph.run(x), after, after.run(x)) == ""
    return after


def test_rows_that_nobody_reads_go_with_their_thresholds():
    n = Net(UINT1, 3)
    a = n.act(n.matrix("input", [[1, 2, 3], [3, 2, 1], [1, 1, 1]]), [[1, 3, 5]] * 3)
    after = without(n.graph(n.matrix(a, [[1, 0, 2], [3, 0, -1]])))
    assert after["n0"].weights.tolist() == [[1, 2, 3], [1, 1, 1]]
    assert after["n1"].thresholds.shape == (2, 3)
    assert after["n2"].weights.tolist() == [[1, 2], [3, -1]]


def test_a_constants_share_moves_into_thresholds():
    """The second channel is always 2: its weights 1 and 3 add 2 and 6."""
    n = Net(UINT1, 2)
    a = n.act(n.matrix("input", [[1, 2], [1, 1]]), [[1, 2, 3], [0, 0, 3]])
    b = n.act(n.matrix(a, [[2, 1], [-1, 3]]), [[3, 4, 7], [4, 5, 6]])
    after = without(n.graph(n.matrix(b, [[1, 1]])))
    assert after["n2"].weights.tolist() == [[2], [-1]]
    assert after["n3"].thresholds.tolist() == [[1, 2, 5], [-2, -1, 0]]


def test_a_constants_share_moves_into_the_outputs_offset():
    n = Net(UINT1, 2)
    a = n.act(n.matrix("input", [[1, 2], [1, 1]]), [[1, 2, 3], [0, 0, 3]])
    after = without(n.graph(n.matrix(a, [[2, 1], [-1, 3]])))
    assert after.sink.offset == (Fraction(8, 3), Fraction(4))


def test_a_constant_stays_where_nothing_can_take_its_share():
    """Decisions compare integers; a table has words of its own."""
    n = Net(UINT1, 2)
    a = n.act(n.matrix("input", [[1, 2], [1, 1]]), [[1, 2, 3], [0, 0, 3]])
    g = n.graph(n.matrix(a, [[2, 1], [-1, 3]]), scaled=False)
    assert without(g) is g
    x = n.tensors[n.nodes[-1].name].type
    table = np.arange(x.n_values)[None] % 3
    g = n.graph(n.node(Lookup, n.nodes[-1].name, table=table, out=UINT2))
    assert without(g) is g


def test_the_range_of_each_row_counts_not_the_widest():
    """The first row reaches 1 at most, the second one 7: a threshold of 3 is never met by one."""
    n = Net(UINT1, 2)
    a = n.act(n.matrix("input", [[1, -1], [7, -7]]), [[3], [3]], UINT1)
    after = without(n.graph(n.matrix(a, [[5, 1]])))
    assert after["n0"].weights.tolist() == [[7, -7]]


def test_of_equal_channels_one_is_computed():
    n = Net(UINT1, 2)
    a = n.act(n.matrix("input", [[1, 2], [3, 1], [1, 2]]), [[1, 2, 3]] * 3)
    after = without(n.graph(n.matrix(a, [[1, 1, 2], [2, 1, -1]])))
    assert after["n0"].weights.tolist() == [[1, 2], [3, 1]]
    assert after["n2"].weights.tolist() == [[3, 1], [1, 1]]


def test_rows_are_equal_if_what_they_read_is():
    """Equal sums of equal channels: found through two layers."""
    n = Net(UINT1, 2)
    a = n.act(n.matrix("input", [[1, 2], [1, 2], [0, 1]]), [[1, 2, 3]] * 3)
    b = n.act(n.matrix(a, [[1, 2, 1], [2, 1, 1], [1, 1, 0]]), [[1, 5, 8]] * 3)
    after = without(n.graph(n.matrix(b, [[3, 2, 1]])))
    assert after["n0"].weights.tolist() == [[1, 2], [0, 1]]
    assert after["n2"].weights.tolist() == [[3, 1], [2, 0]]


def test_equal_channels_stay_if_their_sum_is_no_weight():
    n = Net(UINT1, 2)
    a = n.act(n.matrix("input", [[1, 2], [1, 2]]), [[2], [2]], BIPOLAR)
    g = n.graph(n.act(n.matrix(a, [[1, 1], [1, -1]], BIPOLAR), [[1], [1]], UINT1))
    assert without(g) is g


def padded(limits: list[list[int]], value: int = 0) -> Graph:
    n = Net(UINT1, 2, 2, 1)
    a = n.act(n.matrix("input", [[1], [1]]), limits)
    a = n.node(Pad, a, pads=(1, 1, 1, 1), value=value)
    a = n.node(Window, a, kernel=(2, 2), stride=(1, 1))
    return n.graph(n.act(n.matrix(a, [[1, 2] * 4]), [[3, 5, 8]]))


def test_a_constant_in_front_of_zero_padding_stays_unless_it_is_the_border():
    g = padded([[1, 1, 2], [0, 2, 2]])
    assert without(g) is g
    after = without(padded([[1, 1, 2], [2, 2, 2]]))
    assert after["n4"].weights.tolist() == [[1, 1, 1, 1]]
    assert without(padded([[1, 1, 2], [0, 2, 2]], value=1))["n2"].y.channels == 1


def test_constants_pass_sums_pools_and_joins():
    """Two branches, one of constants: the sum of both is a shift of the other."""
    n = Net(UINT1, 2, 2, 2)
    w = n.matrix("input", [[1, 2], [2, -1]])
    c = n.act(n.matrix("input", [[1, 1], [1, 1]]), [[0, 3, 3], [0, 0, 3]])
    s = n.node(Add, w, n.matrix(c, [[1, 2], [0, 1]]), gains=(2, -1))
    p = n.node(
        SumPool, n.node(MaxPool, s, kernel=(2, 1), stride=(1, 1)), kernel=(1, 2), stride=(1, 1)
    )
    j = n.node(Concat, p, p, gains=(1, 2))
    after = without(n.graph(n.matrix(n.act(j, [[-5, 0, 4]] * 4), [[1, 1, 1, -1]])))
    assert after["n2"].y.channels == 1


def test_what_is_writable_keeps_its_shape():
    n = Net(UINT1, 3)
    a = n.act(n.matrix("input", [[1, 2, 3], [0, 0, 0], [1, 1, 1]]), [[1, 3, 5]] * 3)
    g = n.graph(n.matrix(a, [[1, 0, 2], [3, 0, -1]]))
    assert without(g)["n0"].rows == 2
    for name in ("n0", "n1", "n2"):
        assert without(g, fixed={name}) is g


def test_nothing_follows_from_constants_that_may_change():
    """The threshold is never met by these weights; others may meet it."""
    n = Net(UINT1, 2)
    a = n.act(n.matrix("input", [[1, 1], [1, 2]]), [[3], [3]], UINT1)
    g = n.graph(n.matrix(a, [[1, 1]]))
    assert without(g)["n0"].rows == 1
    assert without(g, fixed={"n0"}) is g


def test_an_edge_keeps_the_width_that_is_asked_for():
    n = Net(UINT1, 3)
    a = n.act(n.matrix("input", [[1, 2, 3], [0, 0, 0], [0, 0, 0]]), [[1, 3, 5]] * 3)
    g = n.graph(n.matrix(a, [[1, 0, 0], [3, 0, 0]]))
    assert [without(g, widths={"n0": w})["n0"].rows for w in (0, 1, 2, 3, 4)] == [1, 1, 2, 3, 3]


def test_channels_stay_where_others_would_fold_worse():
    assert [kept_width(n, 32) for n in (1, 8, 16, 22, 24, 31, 32)] == [1, 8, 16, 24, 24, 32, 32]
    assert common_lanes([16, 8], [16, 8]) == 8
    assert common_lanes([15, 8], [16, 8]) == 8
    assert common_lanes([9, 6], [12, 12]) == 6


def test_without_dead_channels_the_graph_is_the_same():
    n = Net(UINT1, 3)
    a = n.act(n.matrix("input", [[1, 2, 3], [3, 2, 1]]), [[1, 3, 5]] * 2)
    g = n.graph(n.matrix(a, [[1, 2], [3, -1]]))
    assert drop_channels(g) is g


# random networks


def hold(seeds: range) -> Counter[str]:
    """Check networks; return how many channels went by kind of node."""
    gone: Counter[str] = Counter()
    for seed in seeds:
        graph = Drawn(seed).graph()
        verify(graph, Stage.INTEGER)
        for widths in (EXACT, None):
            after = without(graph, widths=widths)
            for old in graph.nodes if widths is not None else ():
                gone[old.kind] += old.y.channels - after[old.name].y.channels
    return gone


KINDS = "matvec l1matvec depthwise threshold lookup window pad maxpool avgpool add mul concat"
KINDS += " shuffle split crop upsample rearrange"


def test_random_networks():
    hold(range(40))


@pytest.mark.nightly
def test_many_random_networks():
    gone = hold(range(1000, 1300))
    assert {kind for kind, n in gone.items() if n} == set(KINDS.split())


def raised(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose first result is one too much."""

    def wrong(*args: Any, **named: Any) -> Any:
        y = f(*args, **named)
        return (y[0] + 1, *y[1:]) if isinstance(y, tuple) else y + 1

    return wrong


def unbordered(op: Any, *xs: Any) -> Any:
    return xs


def first_alone(op: Any, *xs: channels.Ranges) -> Any:
    return (xs[0],)


def as_before(op: Any, operands: Any, ins: Any, outs: Any) -> Any:
    kept = sorted(range(len(outs[0])), key=lambda i: op.order[i])
    return op.replace(operands=operands, order=np.array(kept))


def from_the_start(op: Crop, operands: Any, ins: Any, outs: Any) -> Crop:
    starts, sizes = (*op.starts[:-1], 0), (*op.sizes[:-1], len(outs[0]))
    return op.replace(operands=operands, starts=starts, sizes=sizes)


def one_tap(op: Window) -> Any:
    return (channels.Wiring(Window.wiring_of(op)[0].sources),)  # type: ignore[attr-defined]


def turned(op: Rearrange) -> Any:
    (w,) = Rearrange.wiring_of(op)  # type: ignore[attr-defined]
    return (channels.Wiring(w.sources[:, :1], w.variants),)


def lost(op: Any, shifts: Any) -> list[np.ndarray]:
    return [np.zeros(t.channels, int) for t in op.results]


def forgotten(node: MatVec, ids: np.ndarray) -> np.ndarray:
    first = np.isin(np.arange(len(ids)), np.unique(ids, return_index=True)[1])
    return node.weights * (first | (ids < 0))


def summed(node: MatVec, x: Any) -> np.ndarray:
    return np.abs(node.weights).sum(1)


def all_alike(op: Threshold) -> Any:
    return channels.channelwise(op.x.channels)


FAULTS: dict[str, tuple[int, Any, str, Any]] = {
    "a border is no value": (2, Pad, "ranges", unbordered),
    "a sum has the first operand's values": (25, Add, "ranges", first_alone),
    "a sum over places has the values of one": (21, SumPool, "ranges", first_alone),
    "a product has the first operand's values": (89, Mul, "ranges", first_alone),
    "a shuffle forgets its order": (150, Shuffle, "select", as_before),
    "a crop starts at 0": (58, Crop, "select", from_the_start),
    "the taps of a window are one": (45, Window, "wiring", one_tap),
    "blocks are not together": (121, Rearrange, "wiring", turned),
    "everything takes a share": (4, redundant_columns, "absorbing", lambda *_: True),
    "a share is one too much": (
        1,
        redundant_columns.Columns,
        "_share",
        raised(redundant_columns.Columns._share),
    ),
    "shares are not handed on": (25, module, "_moved", lost),
    "copies are not added": (35, redundant_columns, "_joined", forgotten),
    "rows are equal if their sums are": (45, channel_values, "_row_keys", summed),
    "thresholds are all alike": (9, Threshold, "wiring", all_alike),
}
"""Seeds of a network that shows it, and what is replaced."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seed, owner, name, wrong = FAULTS[fault]
    hold(range(seed, seed + 1))
    monkeypatch.setattr(Window, "wiring_of", Window.wiring, raising=False)
    monkeypatch.setattr(Rearrange, "wiring_of", Rearrange.wiring, raising=False)
    monkeypatch.setattr(owner, name, wrong)
    with pytest.raises(Exception):  # noqa: B017, PT011 - a wrong number or a wrong shape
        hold(range(seed, seed + 1))


@pytest.mark.nightly
def test_a_convolutional_network_in_verilator(tmp_path: Path) -> None:
    """Borders, pools, a sum and thresholds of the channels that are left, with stalls."""
    need_tool("c++")
    n = Net(UINT2, 6, 6, 2)
    rng = np.random.default_rng(1)

    def conv(edge: str, rows: int, dead: int) -> str:
        channels = n.tensors[edge].channels
        edge = n.node(Pad, edge, pads=(1, 1, 1, 1), value=0)
        edge = n.node(Window, edge, kernel=(3, 3), stride=(1, 1))
        w = rng.integers(-3, 4, (rows, 9 * channels))
        w[:dead] = 0
        limits = np.sort(rng.integers(1, 12, (rows, 3)), axis=1)
        limits[dead] = limits[dead - 1] = (-200, -200, 200)  # always 2: the border is 0
        return n.act(n.matrix(edge, w.tolist()), np.clip(limits, *ends(n, w)).tolist())

    first = conv("input", 8, 4)
    body = conv(conv(first, 8, 4), 8, 4)
    edge = n.node(MaxPool, n.node(Add, body, first, gains=(1, 1)), kernel=(2, 2), stride=(2, 2))
    edge = n.act(edge, [[1, 2, 4]] * 8)
    rows = rng.integers(-3, 4, (3, 72)).tolist()
    graph = n.graph(n.node(MatVec, edge, weights=np.array(rows), weight_type=INT4))
    after = without(graph, widths=None)
    assert after["n2"].rows < 8
    folded = to_folded(after)
    x = np.random.default_rng(2).integers(0, 4, (60, 6, 6, 2))
    assert (after.run(x) == folded.run(x)).all()
    source = tmp_path / "top.v"
    source.write_text(verilog(folded))
    for stall in (0.0, 0.4):
        report = simulate(folded, source, x, stall=stall, work=tmp_path)
        assert report.ok, report
        assert report.late is None


def ends(net: Net, weights: np.ndarray) -> tuple[int, int]:
    """Lowest and highest legal threshold behind weights."""
    hi = 3 * np.maximum(weights, 0).sum(1).max()
    return 3 * int(np.minimum(weights, 0).sum(1).min()), int(hi) + 1
