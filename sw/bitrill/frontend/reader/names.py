"""Makes names from a model file legal and unique in Verilog, VHDL, JSON and paths."""

import re
from collections.abc import Sequence

LENGTH = 48
"""Largest number of characters of a legal name."""

_RESERVED_WORDS = """
    abs access accept_on after alias all always always_comb always_ff always_latch and architecture
    array assert assign assume attribute automatic aux before begin bind bins binsof bit block body
    break buf buffer bufif0 bufif1 bus byte case casex casez cell chandle checker class clk clock
    clocking cmos com1 com2 com3 com4 component con config configuration const constant constraint
    context continue cover covergroup coverpoint cross deassign default defparam design disable
    disconnect dist do downto edge else elsif end endcase endchecker endclass endclocking endconfig
    endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive endprogram
    endproperty endsequence endspecify endtable endtask entity enum error event eventually exit
    expect export extends extern file final first_match fold for force foreach forever fork forkjoin
    function generate generic genvar global group guarded highz0 highz1 if iff ifnone ignore_bins
    illegal_bins impure in implements implies import incdir include inertial initial inout input
    inside instance int integer interconnect interface intersect is join join_any join_none label
    large let liblist library linkage literal local localparam logic longint loop lpt1 lpt2 lpt3
    macromodule map matches medium mod modport module nand negedge nettype new next nexttime nmos
    nor noshowcancelled not notif0 notif1 nul null of on open or others out output package packed
    parameter pmos port posedge postponed primitive priority prn procedure process program property
    protected pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc
    randcase randsequence range rcmos real realtime record ref reg register reject reject_on release
    rem repeat report restrict return rnmos rol ror rpmos rst rtran rtranif0 rtranif1 s_always
    s_eventually s_nexttime s_until s_until_with scalared select sequence severity shared shortint
    shortreal showcancelled sig signal signed sla sll small soft solve specify specparam sra srl
    static string strong strong0 strong1 struct subtype super supply0 supply1 sync
    sync_accept_on sync_reject_on table tagged task then this throughout time timeprecision timeunit
    to top tran tranif0 tranif1 transport tri tri0 tri1 triand trior trireg type typedef unaffected
    union unique unique0 units unsigned until until_with untyped use uwire var variable vectored
    virtual void wait wait_order wand weak weak0 weak1 when while wildcard wire with within wor xnor
    xor
"""
"""Keywords of Verilog, SystemVerilog and VHDL, names of devices, and names used in a design."""

_RESERVED = frozenset(_RESERVED_WORDS.split())


class Names:
    """Assigns legal names ``[a-z][a-z0-9_]*`` of at most `LENGTH` characters, each only once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def legal(self, wanted: str, *, fallback: str = "node") -> str:
        """Return a legal name similar to ``wanted``; the same calls return the same names."""
        base = legal(wanted, fallback=fallback)
        name = base
        while name in self._taken:
            count = self._next.get(base, 1) + 1
            self._next[base] = count
            name = f"{base[: LENGTH - len(str(count)) - 1].rstrip('_')}_{count}"
        self._taken.add(name)
        return name

    def take(self, names: Sequence[str]) -> bool:
        """Assign ``names`` as they are, if all of them are free; return whether they were."""
        if not self._taken.isdisjoint(names):
            return False
        self._taken.update(names)
        return True


def legal(wanted: str, *, fallback: str = "node") -> str:
    """Return ``wanted`` as a legal name: not a keyword, without double or outer underscores."""
    name = re.sub(r"[^a-z0-9]+", "_", wanted[: 4 * LENGTH].lower()).strip("_")
    if not name:
        name = fallback
    if not name[0].isalpha():
        name = f"n{name}"
    name = name[:LENGTH].rstrip("_")
    return f"{name}_0" if name in _RESERVED else name


def text(value: str | bytes) -> str:
    """Return a string field; `UnicodeDecodeError` if protobuf returns bytes that are not UTF-8."""
    return value.decode() if isinstance(value, bytes) else value


def shown(name: str) -> str:
    """Return a name from a file as it is shown in messages: quoted, printable, short (60)."""
    text = name if len(name) <= 60 else f"{name[:57]}..."
    return ascii(text)
