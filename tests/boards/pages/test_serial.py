"""The session of docs/serial.md, byte by byte, through the serial shell in Icarus Verilog."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest
from bitrill.timing.predict import predict
from bitrill_boards.shell.network_instance import Edges
from bitrill_boards.shell.uart_shell import SILENCE, UartCore
from bitrill_hw.design.verilog import verilog
from bitrill_hw.memories.roms import convert
from boards.ip.exported import run, simulated
from boards.pages.three_sums import WEIGHTS, three_sums
from support import ROOT, need_tool

PAGE = (ROOT / "docs" / "serial.md").read_text()
CLOCK_HZ, GAP = 12_000_000, 12
"""The page's clock, and the cycles of a byte on its line."""

_BENCH = """
module bench;
  reg clk = 0, rst = 1;
  always #1 clk = !clk;
  reg [7:0] sent [0:1023];
  reg valid = 0;
  reg [7:0] data;
  wire ready, tx_valid;
  wire [7:0] tx;
  shell dut (.clk(clk), .rst(rst), .rx__payload(data), .rx__valid(valid), .rx__ready(ready),
    .tx__payload(tx), .tx__valid(tx_valid), .tx__ready(1'b1));
  integer k, silent = 0;
  always @(posedge clk) begin
    silent <= silent + 1;
    if (tx_valid) begin
      $write("%02x", tx);
      silent <= 0;
    end
  end
  initial begin
    $readmemh("sent.hex", sent);
    repeat (4) @(posedge clk);
    rst <= 0;
    for (k = 0; sent[k] !== 8'hxx; k = k + 1) begin
      data <= sent[k];
      valid <= 1;
      @(posedge clk);
      while (!ready) @(posedge clk);
      valid <= 0;
      silent <= 0;
      repeat (@GAP@) @(posedge clk);
    end
    wait (silent == 1000);
    $finish;
  end
endmodule
"""


def session() -> list[tuple[bytes, bytes]]:
    """The page's requests, each with its reply."""
    (block,) = re.findall(r"```text\n(host .*?)```", PAGE, re.DOTALL)
    sides = [(line[:5].strip(), line[6:].partition("  ")[0]) for line in block.splitlines()]
    assert [side for side, _ in sides] == ["host", "board"] * (len(sides) // 2)
    data = [bytes.fromhex(text) for _, text in sides]
    return list(zip(data[0::2], data[1::2], strict=True))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, graph = tmp_path_factory.mktemp("serial"), three_sums()
    edges = Edges.of(graph, predict(graph).ii)
    core = UartCore(edges, clock_hz=CLOCK_HZ, timeout=SILENCE * GAP)
    text = convert(core, name="shell") + verilog(graph) + _BENCH.replace("@GAP@", str(GAP))
    (folder / "bench.v").write_text(text)
    words = [need_tool("iverilog"), "-g2005", "-s", "bench", "-o", "bench", "bench.v"]
    run(words, folder)
    return folder


def answers(bench: Path, request: bytes) -> bytes:
    """The bytes that the shell sends after a request."""
    (bench / "sent.hex").write_text("\n".join(f"{b:02x}" for b in request))
    printed = simulated(bench / "bench", bench)
    return bytes.fromhex("".join(k for k in printed.split("\n") if re.fullmatch("[0-9a-f]*", k)))


def test_the_session_is_what_the_shell_says(bench: Path) -> None:
    """Requests are sent one after the other, without waiting for the replies."""
    got = answers(bench, b"".join(request for request, _ in session()))
    assert got.hex(" ") == b"".join(reply for _, reply in session()).hex(" ")


def test_the_session_shows_every_status_but_one() -> None:
    assert {reply[1] for _, reply in session()} == {0, 1, 2}
    assert {request[1] for request, _ in session()} >= {0, 1, 2}


def test_the_checksum_is_the_one_of_the_page() -> None:
    for data in (k for pair in session()[:2] for k in pair):
        assert checksum(data[1:-4]) == zlib.crc32(data[1:-4]) == int.from_bytes(data[-4:], "little")
    assert checksum(b"123456789") == 0xCBF43926
    assert "0xCBF43926" in PAGE


def checksum(data: bytes) -> int:
    """The CRC by the page's words alone."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_the_numbers_of_the_page_are_right() -> None:
    rows = re.findall(r"^    row \d: ([+-] ?){8}", PAGE, re.MULTILINE)
    assert len(rows) == 3
    signs = re.findall(r"^    row \d: ([+ -]+)$", PAGE, re.MULTILINE)
    assert [[1 if s == "+" else -1 for s in row.split()] for row in signs] == WEIGHTS.tolist()
