"""Operators from outside of Bitrill: of a test file, and of an installed package."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from amaranth import Cat, Module, Mux
from bitrill import flow
from bitrill.errors import SpecError
from bitrill.folding.solve import solve
from bitrill.frontend import Call, Known, rule
from bitrill.frontend.rules import table
from bitrill.ir import (
    Cost,
    Graph,
    IntType,
    Operator,
    Sink,
    Source,
    Stage,
    Tensor,
    registry,
    serialisation,
)
from bitrill.ir.even_lanes import EvenLanes
from bitrill.ir.schedule import Schedule, pipeline
from bitrill.ir.structure import Coefficients, Structure
from bitrill.lowering import to_folded
from bitrill.ops import MatVec
from bitrill.resources.estimate import resources
from bitrill_hw.design.verilog import verilog
from bitrill_hw.pipeline.elastic import Elastic
from bitrill_hw.pipeline.stream import OneToOne, code, elements
from bitrill_hw.synth import synthesise
from bitrill_sim import verify
from frontend.onnx_models import Net, save
from ops.suite import OperatorSuite
from support import HANG_SECONDS, ROOT


class AbsoluteCore(OneToOne):
    """One register behind the complements."""

    def elaborate(self, _) -> Module:
        m, op = Module(), self.op
        pipe = Elastic(m, stages=1, valid=self.i.valid, ready=self.o.ready)
        x = elements(self.i.payload, op.x.type)
        y = Cat(code(Mux(v < 0, -v, v), op.y.type) for v in x)
        m.d.comb += [
            self.i.ready.eq(pipe.load[1]),
            self.o.valid.eq(pipe.valid[1]),
            self.o.payload.eq(pipe.register(1, y, "y")),
        ]
        return m


@dataclass(frozen=True, kw_only=True, eq=False)
class Absolute(EvenLanes):
    """``y = |x|``; one beat a cycle, one stage."""

    kind: ClassVar[str] = "absolute"
    component = AbsoluteCore
    coefficients: ClassVar[Coefficients] = {
        "lcs": {"one": 2.0, "width": 1.0},
        "ff": {"one": 1.0, "held": 1.0},
    }

    def validate(self) -> None:
        pass

    def infer(self) -> Tensor:
        t = self.x.type
        return Tensor(self.x.shape, IntType.for_range(lo=0, hi=max(abs(t.lo), abs(t.hi))))

    def eval(self, *xs: np.ndarray) -> np.ndarray:
        return np.abs(xs[0])

    def cost(self) -> Cost:
        return Cost(cycles=0 if self.impl is None else self.x.size // self.impl.pe)

    def schedule(self) -> Schedule:
        return pipeline(n=self.x.size // self.folded.pe, latency=1)

    def structure(self) -> Structure:
        s, width = Structure(), self.lanes_out * self.y.type.bits
        s.luts(width=width)
        s.flops(held=width)
        return s


class TestAbsolute(OperatorSuite):
    def instances(self) -> dict[str, Operator]:
        return {f"{pe} lanes": absolute(pe) for pe in (1, 3)}

    def corners(self, op: Operator) -> np.ndarray:
        t = op.x.type
        return np.array([[v] * 6 for v in (t.lo, -1, 0, 1, t.hi)])

    def oracle(self, op: Operator, x: list) -> list:
        return [v if v > 0 else -v for v in x]


def absolute(pe: int = 1) -> Absolute:
    from bitrill.ir import Impl

    x = Tensor((6,), IntType(-8, 7))
    return Absolute(name="size", inputs=("input",), operands=(x,), impl=Impl(pe=pe, simd=pe))


def network() -> Graph:
    """A network ``w @ |x|`` of 16 elements."""
    x = Tensor((16,), IntType(-8, 7))
    size = Absolute(name="size", inputs=("input",), operands=(x,))
    weights = np.random.default_rng(1).integers(-2, 2, (8, 16))
    dense = MatVec(
        name="dense",
        inputs=("size",),
        operands=(size.y,),
        weights=weights,
        weight_type=IntType(-2, 1),
    )
    return Graph(
        name="own",
        stage=Stage.INTEGER,
        source=Source(shape=x.shape, tensor=x, raw_scale="1"),
        nodes=(size, dense),
        sink=Sink(shape=dense.y.shape, edge="dense", tensor=dense.y),
    )


@pytest.mark.parametrize("interval", [pytest.param(16, marks=pytest.mark.nightly), 2])
def test_an_operator_of_a_test_file_goes_through_everything(tmp_path: Path, interval: int) -> None:
    graph = network()
    solution = solve(graph, clock_hz=1_000_000, fps=1_000_000 // interval)
    assert solution.interval <= interval
    folded = to_folded(graph, folding=solution.folding)
    lanes = folded["size"].lanes_in
    assert lanes >= 16 // interval
    assert resources(folded["size"]).lcs == 2 + 4 * lanes
    serialisation.save(folded, tmp_path)
    loaded = serialisation.load(tmp_path)
    assert serialisation.digest(loaded) == serialisation.digest(folded)
    assert str(loaded) == str(folded)
    text = verilog(loaded)
    assert text == verilog(folded)
    (tmp_path / "top.v").write_text(text)
    x = np.random.default_rng(2).integers(-8, 8, (12, 16))
    report = verify(loaded, tmp_path / "top.v", x, engine="amaranth", stall=0.3, work=tmp_path)
    assert report.mismatches == 0
    if interval == 16:  # the quicker one is synthesised where it comes from a file
        synthesised = synthesise(folded, work=tmp_path / "synth", verilog=text)
        assert synthesised.layers["size"].ff > 0


DOMAIN = "tests.own_operator"


@pytest.fixture
def rules(monkeypatch) -> None:
    """Import rules that hold for one test."""
    monkeypatch.setattr(table, "RULES", dict(table.RULES))

    @rule("Size", domain=DOMAIN, inputs=1, layout="same")
    def size(call: Call) -> Known:
        x, meaning = call.integers_of(0)
        node = call.emit(Absolute, x.edge)
        return replace(call.result(node, meaning), shape=x.shape, order=x.order)


def test_a_model_with_an_own_function_goes_from_file_to_netlist(tmp_path: Path, rules) -> None:
    net = Net(1, 16)
    x = net.node("Size", net.quant("x", 0.5), domain=DOMAIN, name="size")
    model = save(net.proto(net.dense(x, 16, 8)), tmp_path)
    out = tmp_path / "build"
    done = flow.compile(model, out=out, fps=20e6, clock_mhz=100)
    assert done.build.predicted.ii <= 5
    assert isinstance(done.build.graph["size"], Absolute)
    assert flow.load_build(out).graph["size"].lanes_in >= 4
    report = flow.verify(out, engine="amaranth", samples=6, stall=0.3)
    assert report.mismatches == 0
    flow.synth(out)
    layers = {layer.name: layer for layer in flow.inspect(model).layers}
    assert layers["size"].kind == "absolute"


def test_no_coefficients_are_an_error() -> None:
    @dataclass(frozen=True, kw_only=True, eq=False)
    class Bare(Absolute, abstract=True):
        kind: ClassVar[str] = "bare"
        coefficients = None

    bare = Bare(name="odd", inputs=("x",), operands=(Tensor((6,), IntType(-8, 7)),))
    bare = bare.replace(impl=absolute().impl)
    with pytest.raises(
        SpecError,
        match="odd: Bare must define `coefficients`, as the resource model has none named",
    ):
        resources(bare)


def test_forgotten_members_are_all_named_when_the_class_is_made() -> None:
    with pytest.raises(
        SpecError,
        match=r"operator class .*Forgetful must define kind, component, cost, default_impl, eval,"
        r" foldings, infer, lanes_in, lanes_out, schedule, structure, validate_impl"
        r" \(or be defined with abstract=True, as a base of others\)",
    ):

        class Forgetful(Operator):
            def validate(self) -> None:
                pass


MEMBERS = ("kind", "component", "validate", "infer", "eval", "cost", "schedule", "structure")


@pytest.mark.parametrize("member", MEMBERS)
def test_each_forgotten_member_is_named(member: str) -> None:
    members = {name: vars(Absolute)[name] for name in MEMBERS if name != member}
    with pytest.raises(SpecError, match=f"must define {member} "):
        type("Forgetful", (EvenLanes,), members)


def test_two_classes_of_one_kind_are_both_named() -> None:
    with pytest.raises(
        SpecError,
        match=r"a kind of their own: .*test_own_operator.Absolute and .*Second are both kind 'abs",
    ):

        class Second(Absolute):
            pass

    assert registry.operator_class("Absolute") is Absolute


def test_a_class_that_is_made_again_takes_its_own_place(monkeypatch) -> None:
    for names in ("_by_kind", "_by_class"):
        monkeypatch.setattr(registry, names, dict(getattr(registry, names)))

    def make() -> type[Operator]:
        class Twice(Absolute):
            kind: ClassVar[str] = "twice"

        return Twice

    first, second = make(), make()
    assert first is not second
    assert registry.operator_class("Twice") is second


PACKAGE = '''
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from bitrill.ir.even_lanes import EvenLanes
from bitrill.ir import Cost
from bitrill.ir.schedule import pipeline
from bitrill.ir.structure import Coefficients, Structure


@dataclass(frozen=True, kw_only=True, eq=False)
class Invert(EvenLanes):
    """``y = lo + hi - x``."""

    kind: ClassVar[str] = "{kind}"
    component = "{name}_core:InvertCore"
    coefficients = {{"lcs": {{"one": 1.0}}, "ff": {{"one": 1.0, "held": 1.0}}}}

    def validate(self):
        pass

    def infer(self):
        return self.x

    def eval(self, *xs):
        return self.x.type.lo + self.x.type.hi - xs[0]

    def cost(self):
        return Cost(cycles=0 if self.impl is None else self.x.size // self.impl.pe)

    def schedule(self):
        return pipeline(n=self.x.size // self.folded.pe, latency=1)

    def structure(self):
        s = Structure()
        s.flops(held=self.lanes_out * self.y.type.bits)
        return s
'''

CORE = """
from amaranth import Cat, Module
from bitrill_hw.pipeline.elastic import Elastic
from bitrill_hw.pipeline.stream import code, elements
from bitrill_hw.pipeline.stream import OneToOne


class InvertCore(OneToOne):
    def elaborate(self, _):
        m, t = Module(), self.op.x.type
        pipe = Elastic(m, stages=1, valid=self.i.valid, ready=self.o.ready)
        y = Cat(code(t.lo + t.hi - v, t) for v in elements(self.i.payload, t))
        m.d.comb += [
            self.i.ready.eq(pipe.load[1]),
            self.o.valid.eq(pipe.valid[1]),
            self.o.payload.eq(pipe.register(1, y, "y")),
        ]
        return m
"""

MAKE = """
import sys
from pathlib import Path

from invert_op import Invert
from bitrill.ir import Graph, IntType, Sink, Source, Stage, Tensor, serialisation
from bitrill.lowering import to_folded

x = Tensor((12,), IntType(0, 15))
node = Invert(name="turned", inputs=("input",), operands=(x,))
graph = Graph(
    name="beside",
    stage=Stage.INTEGER,
    source=Source(shape=x.shape, tensor=x, raw_scale="1"),
    nodes=(node,),
    sink=Sink(shape=x.shape, edge="turned", tensor=x),
)
serialisation.save(to_folded(graph, folding={"turned": {"pe": 4}}), Path(sys.argv[1]))
"""

READ = """
import sys
from pathlib import Path

import numpy as np
from bitrill.ir import serialisation
from bitrill_hw.design.verilog import verilog
from bitrill_sim import verify
from bitrill.resources.estimate import network_resources

folder = Path(sys.argv[1])
graph = serialisation.load(folder)
(folder / "top.v").write_text(verilog(graph))
x = np.random.default_rng(0).integers(0, 16, (9, 12))
report = verify(graph, folder / "top.v", x, engine="amaranth", stall=0.4, work=folder)
print(report.mismatches, network_resources(graph)["turned"].ff, *graph.run(x[:1])[0, :3], *x[0, :3])
"""


def install(folder: Path, name: str, text: str, **files: str) -> None:
    """A package of one module with an entry point, as pip would leave it."""
    for module, content in {name: text, **files}.items():
        (folder / f"{module}.py").write_text(content)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[bitrill.operators]\n{name} = {name}\n")


def python(site: Path, code: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), *(str(ROOT / p) for p in ("sw", "hw", "sim", "boards"))])
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def test_an_operator_of_a_package_beside_is_found_by_its_entry_point(
    tmp_path: Path, site: Path
) -> None:
    package = PACKAGE.format(kind="invert", name="invert_op")
    install(site, "invert_op", package, invert_op_core=CORE)
    made = python(site, MAKE, tmp_path)
    assert made.returncode == 0, made.stderr
    read = python(site, READ, tmp_path)
    assert read.returncode == 0, read.stderr
    mismatches, ff, *values = map(int, read.stdout.split())
    assert (mismatches, ff) == (0, 17)
    assert [15 - v for v in values[:3]] == values[3:]


LOOK = """
import logging
logging.basicConfig(format="%(levelname)s %(message)s")
from bitrill.ir import registry
for name in ("Invert", "MatVec", "Gone"):
    try:
        print(registry.operator_class(name).kind)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""


def test_two_packages_of_one_kind_and_one_that_fails_are_named(site: Path) -> None:
    install(site, "invert_op", PACKAGE.format(kind="invert", name="invert_op"))
    install(site, "other_op", PACKAGE.format(kind="invert", name="other_op"))
    install(site, "zz_broken", "import no_such_module\n")
    done = python(site, LOOK)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["invert", "matvec"]
    why = "other_op = other_op (other_op) failed: SpecError: operators must have a kind of their"
    assert "UnsupportedError: operator class 'Gone' is not known; entry point" in lines[2]
    assert why in lines[2]
    assert "invert_op.Invert and other_op.Invert are both kind 'invert'" in lines[2]
    assert "zz_broken = zz_broken (zz_broken) failed: ModuleNotFoundError: No module" in lines[2]
    assert len(done.stderr.splitlines()) == 2
    assert "WARNING operators of zz_broken = zz_broken (zz_broken) cannot be used" in done.stderr


def test_a_name_that_is_known_loads_no_package(site: Path) -> None:
    install(site, "zz_broken", "import no_such_module\n")
    done = python(site, "from bitrill.ir import registry\nregistry.operator_class('MatVec')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
