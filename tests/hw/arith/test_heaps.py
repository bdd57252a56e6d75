"""Cells of heaps: primitives equal the model, whatever is inverted; and so does plain logic."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill.errors import ToolError
from bitrill_hw.arith.heaps import ADD3, CHAIN, COUNT7, COUNT15, Cell
from bitrill_hw.synth.yosys import YosysRun, run

_PROOF = """\
read_verilog +/xilinx/cells_sim.v
read_verilog {read} cell.v
hierarchy -check -top {name} {parameters}
proc
flatten
opt_clean
rename -top {side}
design -stash {side}
"""

_EQUAL = """\
design -copy-from primitives -as primitives primitives
design -copy-from model -as model model
miter -equiv -flatten -make_assert primitives model miter
sat -verify -prove-asserts miter
tee -o proven.txt stat
"""


def prove(cell: Cell, parameters: dict[str, str], work: Path) -> None:
    """For all inputs, what is synthesised equals what is simulated; else `ToolError`."""
    told = " ".join(f"-chparam {k} {v}" for k, v in parameters.items())
    text = cell.text(xc7=True)
    sides = [("primitives", "-D SYNTHESIS", text), ("model", "", cell.text(xc7=False))]
    script = "".join(
        _PROOF.format(read=read, name=cell.name, parameters=told, side=side).replace(
            "cell.v", f"{side}.v"
        )
        for side, read, _ in sides
    )
    sources = {f"{side}.v": text for side, _, text in sides}
    run([YosysRun(work, script + _EQUAL, sources, ("proven.txt",))])


CASES = [
    (COUNT7, {"INVERT": "0"}),
    (COUNT7, {"INVERT": "7'b0010110"}),
    (ADD3, {"INVERT": "3'b101"}),
    (COUNT15, {"INVERT": "0"}),
    (COUNT15, {"INVERT": "6'b100110"}),
    (COUNT15, {"INVERT": "6'b001011"}),
    (CHAIN, {"N": "1"}),
    # two bits a column, one of them the complement; then three, handed on, and one that only adds
    (CHAIN, {"N": "5", "A": "5'b10010", "B": "5'b01001"}),
]


@pytest.mark.parametrize(("cell", "parameters"), CASES, ids=lambda c: str(c)[:30])
def test_primitives_equal_the_model(cell: Cell, parameters: dict[str, str], tmp_path: Path) -> None:
    prove(used(cell), parameters, tmp_path)


def used(cell: Cell) -> Cell:
    """The chain with no third bit where a column hands none on, and no second one where it is
    handed one besides: what stands there is never anything but 0."""
    second = "(HANDS[k] | ~(k > 0 && HANDS[k > 0 ? k - 1 : 0]))"
    body = cell.body.replace(".I1(b[k])", f".I1(b[k] & {second})")
    body = body.replace(".I2(c[k])", ".I2(c[k] & HANDS[k])")
    return cell._replace(
        body=body,
        model=cell.model.replace("(b ^ B)", "((b & (HANDS | ~(HANDS << 1))) ^ B)").replace(
            "(c ^ C)", "((c & HANDS) ^ C)"
        ),
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"HANDS": "5'b01011", "A": "5'b00110", "C": "5'b00010"},
        {"HANDS": "5'b01110", "B": "5'b00100"},
        {"HANDS": "5'b00001", "C": "5'b00001"},
    ],
    ids=str,
)
def test_a_chain_adds_three_bits_where_it_hands_on(parameters: dict, tmp_path: Path) -> None:
    prove(used(CHAIN), {"N": "5", **parameters}, tmp_path)


def test_a_chain_whose_end_is_not_used_has_a_plain_first_place(tmp_path: Path) -> None:
    ended = CHAIN._replace(head=CHAIN.head.replace("input m, input", "input unused, input"))
    ended = ended._replace(
        body="  wire m = 1'b0;\n" + ended.body, model="  wire m = 1'b0;\n" + ended.model
    )
    prove(used(ended), {"N": "4", "M": "0", "A": "4'b0011"}, tmp_path)


@pytest.mark.parametrize(
    ("cell", "old", "new"),
    [
        (COUNT15, "majority[i] = i[3] ^ invert[3]", "majority[i] = i[3]"),
        (COUNT7, "pairs[i] = n > 3", "pairs[i] = n > 4"),
        (ADD3, "init[32 + i] = ^(i[2:0] ^ invert)", "init[32 + i] = ^i[2:0]"),
        (CHAIN, ".CYINIT(k == 0 && !HANDS[0] ? m : 1'b0)", ".CYINIT(1'b0)"),
        (CHAIN, "HANDS[k] ? 1'b0 : low", "low"),
    ],
    ids=lambda c: str(c)[:12],
)
def test_a_fault_is_seen(cell: Cell, old: str, new: str, tmp_path: Path) -> None:
    wrong = used(cell._replace(body=cell.body.replace(old, new)))
    assert wrong != used(cell)
    parameters = (
        {"N": "3", "HANDS": "3'b010" if "HANDS[k] ?" in old else "0"}
        if cell is CHAIN
        else {"INVERT": "6'b111111" if cell is COUNT15 else "1"}
    )
    with pytest.raises(ToolError, match=r"Yosys failed: .*proof did fail"):
        prove(wrong, parameters, tmp_path)
