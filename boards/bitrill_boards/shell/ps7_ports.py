"""Ports of the Zynq-7000's primitive PS7 (Xilinx UG585): all its inputs, and the outputs used here.

No input may stay open: with the level shifters on, an undriven interrupt line stops the processors.
Pads (DDR, MIO and the like) do not belong to the programmable logic, so they are left out.
"""

_SLAVE = """ACLK ARVALID AWVALID BREADY RREADY WLAST WVALID ARBURST:2 ARLOCK:2 ARSIZE:2 AWBURST:2
AWLOCK:2 AWSIZE:2 ARPROT:3 AWPROT:3 ARADDR:32 AWADDR:32 ARCACHE:4 ARLEN:4 ARQOS:4 AWCACHE:4 AWLEN:4
AWQOS:4"""
_IDS = "ARID:{0} AWID:{0} WID:{0}"

# `_GROUPS` and `_READ`: {"prefix ...": "port[:bits] ..."}; each prefix has all of the ports
_GROUPS = {
    "MAXIGP0 MAXIGP1": """ACLK ARREADY AWREADY BVALID RLAST RVALID WREADY BID:12 RID:12 BRESP:2
        RRESP:2 RDATA:32""",
    "SAXIGP0 SAXIGP1": f"{_SLAVE} {_IDS.format(6)} WDATA:32 WSTRB:4",
    "SAXIHP0 SAXIHP1 SAXIHP2 SAXIHP3": f"""{_SLAVE} {_IDS.format(6)} WDATA:64 WSTRB:8
        RDISSUECAP1EN WRISSUECAP1EN""",
    "SAXIACP": f"{_SLAVE} {_IDS.format(3)} WDATA:64 WSTRB:8 ARUSER:5 AWUSER:5",
    "DMA0 DMA1 DMA2 DMA3": "ACLK DAREADY DRLAST DRVALID DRTYPE:2",
    "EMIOCAN0 EMIOCAN1": "PHYRX",
    "EMIOENET0 EMIOENET1": """EXTINTIN GMIICOL GMIICRS GMIIRXCLK GMIIRXDV GMIIRXER GMIITXCLK MDIOI
        GMIIRXD:8""",
    "EMIOI2C0 EMIOI2C1": "SCLI SDAI",
    "EMIOSDIO0 EMIOSDIO1": "CDN CLKFB CMDI WP DATAI:4",
    "EMIOSPI0 EMIOSPI1": "MI SCLKI SI SSIN",
    "EMIOTTC0 EMIOTTC1": "CLKI:3",
    "EMIOUART0 EMIOUART1": "CTSN DCDN DSRN RIN RX",
    "EMIOUSB0 EMIOUSB1": "VBUSPWRFAULT",
    "EMIO": "PJTAGTCK PJTAGTDI PJTAGTMS SRAMINTIN TRACECLK WDTCLKI GPIOI:64",
    "FTM": """DTRACEINCLOCK DTRACEINVALID DTRACEINDATA:32 DTRACEINATID:4 TF2PDEBUG:32 TF2PTRIG:4
        TP2FTRIGACK:4""",
    "": "DDRARB:4 EVENTEVENTI FCLKCLKTRIGN:4 FPGAIDLEN IRQF2P:20",
}

_READ = {
    "MAXIGP0": """ARVALID ARID:12 ARADDR:32 ARLEN:4 ARSIZE:2 ARBURST:2 RREADY AWVALID AWID:12
        AWADDR:32 AWLEN:4 AWSIZE:2 AWBURST:2 WVALID WDATA:32 WSTRB:4 BREADY""",
    "SAXIHP0": "ARREADY RVALID RDATA:64 RRESP:2 RLAST AWREADY WREADY BVALID BRESP:2",
    "FCLK": "CLK:4 RESETN:4",
}


def _ports(groups: dict[str, str]) -> dict[str, int]:
    return {
        prefix + name: int(width or 1)
        for prefixes, names in groups.items()
        for prefix in prefixes.split() or [""]
        for name, _, width in (port.partition(":") for port in names.split())
    }


INPUTS = _ports(_GROUPS)
"""Number of bits of each input."""

OUTPUTS = _ports(_READ)
"""Number of bits of each output that the top module reads."""


def declaration() -> str:
    """Return the primitive as a black box in Verilog.

    Reading Yosys' whole library instead would take seconds.
    """
    ports = [f"input [{n - 1}:0] {name}" for name, n in INPUTS.items()]
    ports += [f"output [{n - 1}:0] {name}" for name, n in OUTPUTS.items()]
    return "(* blackbox, keep *)\nmodule PS7(\n  " + ",\n  ".join(ports) + "\n);\nendmodule\n"
