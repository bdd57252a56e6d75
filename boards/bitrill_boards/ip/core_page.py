"""The page that leads through a core's folder."""

from __future__ import annotations

from collections.abc import Iterable

from .core import Core
from .templates import wrapper_name

_WHAT = {
    "rtl/": "the core: Verilog-2005, no includes, every module named after it",
    "templates/": "an instance to copy, in Verilog or VHDL",
    "vhdl/": "an entity in VHDL around the core; the stub has its ports alone, for GHDL",
    "c/": "C99 that turns images into frames and results into integers: bytes of beats, low"
    " byte first; its transports are those of Bitrill's own boards",
    "cocotb/": "the same frames from Python: `python run.py`",
    "host/": "reads the counters, and tells which layer limits the core",
    "ipxact/": "IP-XACT (IEEE 1685-2014): bus interfaces, registers, ports",
    "litex/": "a LiteX module",
    "tb/": "a testbench that checks itself, and recorded frames as words",
}


def readme(core: Core, files: Iterable[str], frames: int) -> str:
    """Return the page; ``frames``: how many the testbench sends."""
    names = sorted({f"{name.partition('/')[0]}/" for name in files if "/" in name})
    rows = [f"| `{name}` | {_WHAT[name]} |" for name in names]
    return f"""# {core.name}

Network {core.graph.name} as a core with AXI4-Stream ports, written by `bitrill export-ip`. What its
bits mean, beats, clock, reset and time: [ports.md](ports.md), for programs `ports.json`; how floats
become its integers and its integers floats: `network.json`.

| | |
| --- | --- |
{chr(10).join(rows)}
| `{core.name}.core` | FuseSoC: `fusesoc --cores-root . run --target sim bitrill:ip:{core.name}` |
| `package_ip.tcl` | packages it for Vivado: `vivado -mode batch -source package_ip.tcl` |

The testbench sends {frames} recorded frames and prints a line that begins with PASS or FAIL:

    cd tb
    iverilog -g2005 -o {core.name}_tb {core.name}_tb.v ../rtl/{core.name}.v
    vvp -N {core.name}_tb +stall=30

    verilator --binary --timing -CFLAGS -std=c++20 -Wno-fatal -o tb \\
        --top {core.name}_tb {core.name}_tb.v ../rtl/{core.name}.v
    obj_dir/tb +stall=30

VHDL by GHDL, with the stub in place of the Verilog:

    ghdl -a vhdl/{core.name}_stub.vhd vhdl/{wrapper_name(core)}.vhd
    ghdl -e {wrapper_name(core)}
"""
