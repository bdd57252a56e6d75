"""Wave files: names, and values before each edge."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitrill.errors import StorageError
from bitrill_sim.vcd import edges, find, open_lines, read_header

DUMP = """$timescale 1ns $end
$scope module TOP $end
 $var wire 1 ! clk $end
 $scope module fifo_a $end
  $var wire 1 ! clk $end
  $var wire 8 $ o__payload [7:0] $end
 $upscope $end
$upscope $end
$enddefinitions $end
$dumpvars
#0
0!
b00000101 $
#5
1!
b00000110 $
#10
0!
b0000x110 $
#15
1!
#20
0!
b11111111 $
#22
b10 $
#25
1!
"""


def test_values_are_those_before_the_edge() -> None:
    lines = iter(DUMP.splitlines())
    header = read_header(lines)
    assert find(header, "clk") == "!"
    assert find(header, "fifo_a", "o__payload") == "$"
    assert find(header, "fifo_b", "o__payload") is None
    found = [values["$"] for values in edges(lines, "!", ["$"])]
    assert found == [5, None, 2]


def test_first_value_is_no_edge() -> None:
    lines = iter(DUMP.replace("#0\n0!", "#0\n1!").splitlines())
    read_header(lines)
    assert [v["$"] for v in edges(lines, "!", ["$"])] == [None, 2]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot read .*none\.vcd: No such file"):
        list(open_lines(tmp_path / "none.vcd"))
