"""Switching read from a SAIF file: counted by hand, and of Verilator's own file."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from bitrill import flow
from bitrill.errors import SpecError, StorageError
from bitrill.folding.fold import fold
from bitrill.resources.switching import nets, switching
from bitrill_sim.waves import steady
from support import integer_mlp

RESET_CYCLES = 4

SAIF = """(SAIFILE (SAIFVERSION "2.0") (DURATION 100)
(INSTANCE TOP
 (NET (aclk (T0 50) (T1 50) (TX 0) (TC 19)))
 (INSTANCE top
  (INSTANCE fc0
   (NET
    (clk (T0 50) (T1 50) (TX 0) (TC 19))
    (a\\[0\\] (T0 50) (T1 50) (TZ 0) (TX 0) (TB 0) (TC 10))
    (a\\[1\\] (T0 0) (T1 100) (TZ 0) (TX 0) (TB 0) (TC 1)))
   (INSTANCE below (NET (b (T0 90) (T1 10) (TX 0) (TC 4)))))
  (INSTANCE act0 (NET (c (T0 90) (T1 10) (TX 0) (TC 2))))
  (INSTANCE fc1 (NET (d (T0 90) (T1 10) (TX 0) (TC 6))))
  (INSTANCE other (NET (e (T0 90) (T1 10) (TX 0) (TC 8)))))))
"""


def test_changes_of_each_operator_are_counted(tmp_path: Path) -> None:
    """10 cycles; a bit that changes at most once is a constant; instances below count, too."""
    file = tmp_path / "a.saif"
    file.write_text(SAIF)
    graph = fold(integer_mlp(4, 3, 2), {})
    assert switching(file, graph) == {"fc0": 14 / (2 * 10), "act0": 0.2, "fc1": 0.6}


@pytest.mark.parametrize(
    ("change", "message"), [(("fc1", "fc9"), "none of fc1"), (("clk", "klc"), "none of a clock")]
)
def test_a_file_of_another_design(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "a.saif"
    file.write_text(SAIF.replace(*change))
    with pytest.raises(
        SpecError, match=f"must hold the switching of every node, and has {message}"
    ):
        switching(file, fold(integer_mlp(4, 3, 2), {}))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot read"):
        switching(tmp_path / "none.saif", fold(integer_mlp(4, 3, 2), {}))


def changes_in_vcd(file: Path, first: int, end: int) -> Counter[tuple[str, ...]]:
    """Changes of each net of a VCD file behind time ``first``, and one for each bit that is 1 then:
    nets begin as 0 in Verilator's SAIF files."""
    scope: list[str] = []
    names: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    values: dict[str, int] = {}
    found: Counter[str] = Counter()
    now = -1
    for line in file.read_text().splitlines():
        match line.split():
            case ["$scope", _, name, *_]:
                scope.append(name)
            case ["$upscope", *_]:
                scope.pop()
            case ["$var", _, _, code, name, *_]:
                names[code].append((*scope, name))
            case [word] if word[0] == "#":
                if now <= first < int(word[1:]):
                    found.update({code: value.bit_count() for code, value in values.items()})
                now = int(word[1:])
                if now >= end:
                    break
            case [word, *code] if word[0] in "01b":
                at, bits = (code[0], word[1:]) if code else (word[1:], word[0])
                if now > first:
                    found[at] += (values[at] ^ int(bits, 2)).bit_count()
                values[at] = int(bits, 2)
    by_name: Counter[tuple[str, ...]] = Counter()
    for code, count in found.items():
        by_name.update(dict.fromkeys(names[code], count))
    return +by_name


@pytest.mark.nightly
def test_verilators_file_has_the_changes_of_its_waves(
    small_compiled: flow.Compiled, tmp_path: Path
) -> None:
    build = small_compiled.build
    values = build.graph.source.tensor.type.values()
    frames = np.random.default_rng(0).choice(values, (8, *build.graph.source.shape))
    for form in ("vcd", "saif"):
        flow.trace(build, frames, wave=tmp_path / f"w.{form}", out=tmp_path)
    assert "(TIMESCALE 1 ns)" in (tmp_path / "w.saif").read_text()
    counted: Counter[tuple[str, ...]] = Counter()
    for path, net, count in nets(tmp_path / "w.saif"):
        counted[(*path, net.partition("\\[")[0])] += count
    span = steady(build.predicted, len(frames))
    ticks = [2 * (span[k] + RESET_CYCLES) for k in ("wave_from", "wave_to")]
    seen = changes_in_vcd(tmp_path / "w.vcd", *ticks)
    assert +counted == seen
    assert len(seen) > 100
