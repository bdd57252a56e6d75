"""`compile` drops channels that change nothing, says so, and keeps what a later network needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bitrill import flow
from bitrill.cli import show
from bitrill.errors import FitError
from bitrill.folding.writable import changeable
from flow.helpers import refused
from frontend.onnx_models import Net, save

ROWS = 12


def pruned(folder: Path, seed: int, dead: int) -> Path:
    """A network 6-12-3 whose batch norm makes the first ``dead`` hidden channels 0."""
    net, rng = Net(1, 1, 2, 3), np.random.default_rng(seed)
    x = net.node("Reshape", "x", net.shape_const(1, -1))
    x = net.dense(net.quant(x, 0.25), 6, ROWS, seed=seed, scale=0.3)
    live = np.arange(ROWS) >= dead
    numbers = (live * 1.5, live * rng.normal(0, 1, ROWS), rng.normal(0, 1, ROWS), np.ones(ROWS))
    x = net.node("BatchNormalization", x, *map(net.const, numbers), epsilon=1e-3)
    x = net.quant(net.node("Relu", x), 0.4, bits=2.0, signed=0)
    return save(net.proto(net.dense(x, ROWS, 3, seed=seed + 1, scale=0.5)), folder, f"{dead}.onnx")


def hidden(done: flow.Compiled) -> int:
    return next(n for n in done.build.graph if n.kind == "matvec").y.channels


def test_channels_are_dropped_kept_and_told(tmp_path: Path) -> None:
    model = pruned(tmp_path, 1, 4)
    done = flow.compile(model, out=tmp_path / "b")
    assert hidden(done) == 8
    (name,) = done.dropped
    assert done.to_json()["dropped_channels"] == {name: 4}
    assert f"channels dropped, since they change nothing: {name} 4 of 12" in show.compiled(done)
    seen = flow.inspect(model)
    assert seen.to_json()["dropped_channels"] == {name: 4}
    assert f"{name} 4 of 12" in show.inspected(seen)

    # a network trained again has the earlier width if that is enough
    earlier = done.build.folder
    fewer = flow.compile(pruned(tmp_path, 1, 5), out=tmp_path / "fewer", like=earlier)
    assert hidden(fewer) == 8
    with refused(FitError, "does not fit the structure of the earlier build"):
        flow.compile(pruned(tmp_path, 1, 3), out=tmp_path / "more", like=earlier)

    # weights that are written later may use every channel
    written = flow.compile(model, out=tmp_path / "runtime", style="runtime")
    assert (hidden(written), written.dropped) == (12, {})
    again = flow.compile(pruned(tmp_path, 1, 5), out=tmp_path / "o", like=written.build.folder)
    assert hidden(again) == 12
    asked = {name: {"style": "runtime"}}, {"act": {"style": "search"}}
    found = [changeable(done.build.graph, f, "folded", None) for f in asked]
    assert found == [{name}, set()]


def test_nothing_is_told_where_nothing_goes(tmp_path: Path) -> None:
    done = flow.compile(pruned(tmp_path, 1, 0), out=tmp_path / "b")
    assert done.to_json()["dropped_channels"] == {}
    assert "dropped" not in show.compiled(done)
