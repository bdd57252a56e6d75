"""Common parts of the Zynq-7000 toolchains without a block design: top, clock, set-up by hand."""

from fractions import Fraction

from bitrill.errors import SpecError

from ..board import Board
from ..driver.zynq_clocks import Divided
from ..families.zynq import Processing, decimals, families
from ..project import STEM, Project
from ..shell import ps7_top
from ..shell.zynq_shell import register_bits
from .overlay import overlay

FAMILY = "zynq7"
TOP = f"{STEM}.v"
SOURCES = ("top.v", TOP)
CONSTRAINTS = f"{STEM}.xdc"
OVERLAY = f"{STEM}.dts"
FIRMWARE = f"{STEM}.bin"


def processing() -> Processing:
    """Return the processing system of a Zynq-7000."""
    return families()[FAMILY]


def clock(project: Project) -> Divided:
    """Return the divisors of the project's clock; raise `SpecError` if there are none."""
    board = project.board
    if board.family != FAMILY:
        raise SpecError(
            f"toolchain {project.toolchain} is for boards of family {FAMILY} (Zynq-7000), not"
            f" {board.family} ({board.name})"
        )
    return processing().exactly(board, project.clock_mhz)


def base(board: Board) -> int:
    """Return the address of the registers; raise `SpecError` if the board's file has none."""
    if board.base is None:
        raise SpecError(f"board {board.name} must have a register address (host.base)")
    return board.base


def common_files(project: Project) -> dict[str, str]:
    """Return ``bitrill.v``, the top without the network, and ``bitrill.dts``, an overlay."""
    made, address = clock(project), base(project.board)
    size = 1 << register_bits(project.edges)
    hz = round(made.mhz * 10**6)
    return {
        TOP: ps7_top.verilog(project.edges, base=address, name=STEM),
        OVERLAY: overlay(processing(), address, size, hz, FIRMWARE),
    }


def period_ns(mhz: Fraction) -> str:
    """Write a clock's period in ns, rounded down to picoseconds."""
    ps = 1_000_000 // mhz
    return f"{ps // 1000}.{ps % 1000:03}"


def set_up(project: Project) -> str:
    """Return the README's section on registers to set by hand: no block design describes them."""
    board, made = project.board, clock(project)
    pll = processing().pll(board)
    control = made.second << 20 | made.first << 8
    return f"""\
## On the board

Registers are at {base(board):#x} (M_AXI_GP0), memory is S_AXI_HP0 at 64 bits, the interrupt is
IRQ_F2P[0] (61 of the interrupt controller; SPI 29, level high, in a device tree). No boot loader
was made for this design: start the board with its own (any Linux image does). Afterwards these
registers must be as below. The driver sets them; by hand, as root:

| register | value | why |
| --- | --- | --- |
| 0xF8000008 | 0xDF0D | lets the registers below be written |
| 0xF8000170 | {control:#010x} | FCLK0 = {decimals(pll)} MHz / ({made.first} x {made.second}) \
= {decimals(made.mhz)} MHz, if the I/O PLL runs at {decimals(pll)} MHz |
| 0xF8000178 | 0 | FCLK0 runs |
| 0xF8000900 | 0xF | level shifters on, once the bitstream is loaded |
| 0xF8008000 | 0 | reads of S_AXI_HP0 are 64 bits wide (bit 0: 32) |
| 0xF8008014 | 0xF00 | writes of S_AXI_HP0 likewise |
| 0xF8000240 | 1, then 0 | a reset of the design by FCLK_RESET0_N |
| 0xF8000004 | 0x767B | locks the registers again |

Never set FCLK0 above {decimals(made.mhz)} MHz: timing was met there. `{OVERLAY}` is a device-tree
overlay (registers as UIO, a buffer as u-dma-buf, the bitstream by its name `{FIRMWARE}` in
`/lib/firmware`): `dtc -@ -I dts -O dtb -o {STEM}.dtbo {OVERLAY}`.
"""
