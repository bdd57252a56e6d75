"""Arguments of the verbs for boards and cores: `boards`, `build`, `flash`, `drive`, `export-ip`."""

from __future__ import annotations

from .argument_readers import (
    BUILD,
    MORE_BOARDS,
    NAMED,
    ON_BOARD,
    SEED,
    SOURCE,
    argument,
    number,
    whole,
)

TRANSPORTS = ("uart", "pynq", "linux", "simulation")
# this repeats a list of `bitrill.flow`, which takes too long to import for --help


BOARDS = (
    argument("build", nargs="?", metavar="BUILD", help="a build: state for each board if it fits"),
    MORE_BOARDS,
)


BOARD_BUILD = (
    *ON_BOARD,
    argument("--out", metavar="DIR", help="default: BUILD/boards/BOARD"),
    argument("--toolchain", metavar="T", help="vivado, vivado-ps7, openxc7 or open"),
    argument("--clock-mhz", metavar="C", help="such as 100 or 200/3; default: the board's"),
    argument("--seed", default=1, type=whole, metavar="S", help="of placement"),
    argument(
        "--data",
        default="random",
        metavar="DATA",
        help=f"frames to record for the self-test: {NAMED}, random, or a .npy file",
    ),
    argument("--samples", type=whole, metavar="N", help="frames to record; default: 1000"),
    argument("--counters", action="store_true", help="count what each layer does, on a Zynq"),
    argument("--files-only", action="store_true", help="write the files, but run no tool"),
)


FLASH = (
    *ON_BOARD,
    SOURCE,
    argument("--xvc", metavar="HOST:PORT", help="a Xilinx Virtual Cable on another machine"),
    argument("--cable", metavar="C", help="a cable's name in openFPGALoader"),
    argument(
        "--timeout",
        type=number,
        metavar="S",
        help="seconds without output after which it is stopped",
    ),
    argument("--self-test", action="store_true", help="afterwards run the recorded frames"),
    argument("--port", metavar="P", help="the serial port of the self-test"),
)


DRIVE = (
    *ON_BOARD,
    SOURCE,
    argument("--port", metavar="P", help="the serial port, such as /dev/ttyUSB0"),
    argument(
        "--transport",
        choices=TRANSPORTS,
        help="default: the board's; simulation: the board's shell in Verilator",
    ),
    argument(
        "--input", metavar="X.npy", help="floats or integers, [N, ..]; default: recorded frames"
    ),
    argument("--out", metavar="Y.npy", help="outputs (several: Y.NAME.npy); integers: Y.int.npy"),
    argument("--self-test", action="store_true", help="run the recorded frames"),
    argument("--weights", metavar="W.npz", help="other weights, written over AXI4-Lite first"),
    argument("--samples", type=whole, metavar="N", help="use only the first N frames"),
)


EXPORT_IP = (
    BUILD,
    argument(
        "--name", metavar="N", help="of the core and of all its modules; default: the network's"
    ),
    argument("--out", metavar="DIR", help="default: BUILD/ip/N"),
    argument(
        "--stream-bits",
        type=whole,
        metavar="W",
        help="bits of a beat on both sides, such as 32; default: the network's own beats",
    ),
    argument(
        "--control",
        action="store_true",
        help="AXI4-Lite registers: identity, counters of frames, cycles and waits at both edges",
    ),
    argument("--counters", action="store_true", help="those registers, and counters of each layer"),
    argument(
        "--samples", default=16, type=whole, metavar="N", help="recorded frames of the testbench"
    ),
    SEED,
)
