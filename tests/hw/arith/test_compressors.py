"""Counters and chains: primitives equal the model, whatever is inverted; so does plain logic."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal
from bitrill.arith.compress import Compressor
from bitrill.errors import ToolError
from bitrill_hw.arith.adder_cells import ADD3, CHAIN, COUNT7, COUNT15, Verilog
from bitrill_hw.arith.compressors import Adders, Bit
from hw.arith.test_cells import prove as prove_text
from hw.arith.test_cells import values


def prove(verilog: Verilog, parameters: dict[str, str], work: Path) -> None:
    """Prove that cells and model agree for all inputs; raise `ToolError` if not."""
    prove_text(verilog.named(xc7=True), verilog.text(xc7=True), parameters, work)


CASES = [
    (COUNT7, {"INVERT": "0"}),
    (COUNT7, {"N": "3"}),
    (COUNT15, {"N": "3"}),
    (ADD3, {"N": "2"}),
    (COUNT7, {"INVERT": "7'b0010110"}),
    (ADD3, {"INVERT": "3'b101"}),
    (COUNT15, {"INVERT": "0"}),
    (COUNT15, {"INVERT": "6'b100110"}),
    (COUNT15, {"INVERT": "6'b001011"}),
    (CHAIN, {"N": "1"}),
    # two bits a column, one of them the complement; then three, handed on, and one that only adds
    (CHAIN, {"N": "5", "A": "5'b10010", "B": "5'b01001"}),
]


@pytest.mark.parametrize(("verilog", "parameters"), CASES, ids=lambda c: str(c)[:30])
def test_primitives_equal_the_model(
    verilog: Verilog, parameters: dict[str, str], tmp_path: Path
) -> None:
    prove(used(verilog), parameters, tmp_path)


def used(verilog: Verilog) -> Verilog:
    """The chain with no third bit where a column hands none on, and no second one where it is
    handed one besides: what stands there is never anything but 0."""
    second = "(HANDS[k] | ~(k > 0 && HANDS[k > 0 ? k - 1 : 0]))"
    body = verilog.body.replace(".I1(b[k])", f".I1(b[k] & {second})")
    body = body.replace(".I2(c[k])", ".I2(c[k] & HANDS[k])")
    return verilog._replace(
        body=body,
        model=verilog.model.replace("(b ^ B)", "((b & (HANDS | ~(HANDS << 1))) ^ B)").replace(
            "(c ^ C)", "((c & HANDS) ^ C)"
        ),
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"HANDS": "5'b01011", "A": "5'b00110", "C": "5'b00010"},
        {"HANDS": "5'b01110", "B": "5'b00100"},
        {"HANDS": "5'b00001", "C": "5'b00001"},
        {"HANDS": "5'b01111", "E": "1"},
    ],
    ids=str,
)
def test_a_chain_adds_three_bits_where_it_hands_on(parameters: dict, tmp_path: Path) -> None:
    prove(used(CHAIN), {"N": "5", **parameters}, tmp_path)


@pytest.mark.parametrize(
    "parameters", [{"HANDS": "5'b11111"}, {"HANDS": "5'b11101", "E": "1", "A": "5'b00100"}], ids=str
)
def test_an_accumulator_drops_the_carry(parameters: dict, tmp_path: Path) -> None:
    chain = used(CHAIN)
    dropped = chain._replace(
        body=chain.body.replace("{carry[N+E], o", "{1'b0, o"),
        model=chain.model.replace("assign y", "wire [N:0] all_") + "  assign y = all_[N-1:0];\n",
    )
    prove(dropped, {"N": "5", **parameters}, tmp_path)


def test_a_chain_whose_end_is_not_used_has_a_plain_first_place(tmp_path: Path) -> None:
    ended = CHAIN._replace(head=CHAIN.head.replace("input m, input", "input unused, input"))
    ended = ended._replace(
        body="  wire m = 1'b0;\n" + ended.body, model="  wire m = 1'b0;\n" + ended.model
    )
    prove(used(ended), {"N": "4", "M": "0", "A": "4'b0011"}, tmp_path)


@pytest.mark.parametrize(
    ("verilog", "old", "new"),
    [
        (COUNT15, "majority[i] = i[3] ^ invert[3]", "majority[i] = i[3]"),
        (COUNT7, "pairs[i] = n > 3", "pairs[i] = n > 4"),
        (ADD3, "init[32 + i] = ^(i[2:0] ^ invert)", "init[32 + i] = ^i[2:0]"),
        (CHAIN, ".CYINIT(k == 0 && !HANDS[0] ? m : 1'b0)", ".CYINIT(1'b0)"),
        (CHAIN, "HANDS[k] ? 1'b0 : low", "low"),
        (CHAIN, ".I4(clear)", ".I4(1'b0)"),
    ],
    ids=lambda c: str(c)[:12],
)
def test_a_fault_is_seen(verilog: Verilog, old: str, new: str, tmp_path: Path) -> None:
    wrong = used(verilog._replace(body=verilog.body.replace(old, new)))
    assert wrong != used(verilog)
    parameters = (
        {"N": "3", "HANDS": "3'b010" if "HANDS[k] ?" in old else "0"}
        if verilog is CHAIN
        else {"INVERT": "6'b111111" if verilog is COUNT15 else "1"}
    )
    with pytest.raises(ToolError, match=r"Yosys failed: .*proof did fail"):
        prove(wrong, parameters, tmp_path)


@pytest.mark.parametrize("cells", [False, True], ids=["logic", "cells"])
@pytest.mark.parametrize("n", range(2, 8))
def test_up_to_seven_bits_are_counted(n: int, cells: bool) -> None:
    i = [Signal(2, name=f"i{k}") for k in range(n)]
    m, alive = Module(), {k: Bit(v, k % 3 == 1) for k, v in enumerate(i)}
    outputs = tuple(range(n, n + n.bit_length()))
    Adders(m, cells, xc7=True).count(Compressor(0, tuple(range(n)), (), outputs), alive)
    assert list(alive) == list(outputs)
    o = shown(m, list(alive.values()))
    for bits, out in seen(m, i, o, n):
        assert out == sum(b ^ (k % 3 == 1) for k, b in enumerate(bits))


@pytest.mark.parametrize("cells", [False, True], ids=["logic", "cells"])
@pytest.mark.parametrize("inverted", [0b000000, 0b001010, 0b111111, 0b011111])
def test_five_bits_and_one_of_twice_the_weight_are_counted(inverted: int, cells: bool) -> None:
    i = [Signal(2, name=f"i{k}") for k in range(6)]
    m, alive = Module(), {k: Bit(v, bool(inverted >> k & 1)) for k, v in enumerate(i)}
    Adders(m, cells, xc7=False).count(Compressor(0, (0, 1, 2, 3, 4), (5,), (6, 7, 8)), alive)
    o = shown(m, list(alive.values()))
    for bits, out in seen(m, i, o, 6):
        plain = [b ^ (inverted >> k & 1) for k, b in enumerate(bits)]
        assert out == sum(plain) + plain[5]


def shown(m: Module, bits: list[Bit]) -> list[Signal]:
    """The bits as signals, without inversion."""
    out = [Signal(2, name=f"o{k}") for k in range(len(bits))]
    m.d.comb += [o.eq(b.plain()) for o, b in zip(out, bits, strict=True)]
    return out


def seen(m: Module, i: list[Signal], o: list[Signal], n: int):
    """All bits of the first row, and the number that comes out; the second row has others."""
    rows = [
        [a | b << 1 for a, b in zip(bits, bits[::-1], strict=True)]
        for bits in product((0, 1), repeat=n)
    ]
    for row, out in zip(rows, values(o, i, m, rows), strict=True):
        for k in range(2):
            yield [v >> k & 1 for v in row], sum((w >> k & 1) << p for p, w in enumerate(out))


@pytest.mark.parametrize("cells", [False, True], ids=["logic", "cells"])
@pytest.mark.parametrize("more", range(3))
def test_the_chain_adds_three_numbers_and_up_to_two_bits(more: int, cells: bool) -> None:
    a, b, c = (Signal(4, name=n) for n in "abc")
    ends = [Signal(name=f"m{k}") for k in range(more)]
    clear, m = Signal(name="clear"), Module()
    columns = [[Bit(word[k]) for word in (c, a, b)] for k in range(4)]
    columns[0] += [Bit(bit) for bit in ends]
    s = Adders(m, cells, xc7=True).chain(columns, label="s", clear=clear)
    rows = [
        (x, y, z, w, *bits)
        for x in (0, 5, 15)
        for y in range(16)
        for z in (0, 7, 9, 15)
        for w in (0, 1)
        for bits in product((0, 1), repeat=more)
    ]
    for row, out in zip(rows, values([s], [c, a, b, clear, *ends], m, rows), strict=True):
        x, y, z, w, *bits = row
        assert out[0] % 16 == (x * (1 - w) + y + z + sum(bits)) % 16
