"""Instances of a core to copy, in Verilog and VHDL; its wrapper in VHDL, and a stub for GHDL."""

from __future__ import annotations

from .core import Core, Port


def verilog(core: Core) -> str:
    """Return an instance of the core in Verilog, with its nets."""
    nets = "\n".join(f"wire {_range(p)}{p.name};" for p in core.ports)
    pins = ",\n".join(f"  .{p.name}({p.name})" for p in core.ports)
    head = f"// Instance of {core.name}: copy it into a module."
    return f"{head}\n{nets}\n\n{core.name} {core.name}_0 (\n{pins}\n);\n"


def vhdl(core: Core) -> str:
    """Return an instance of the core's wrapper in VHDL, with its signals."""
    signals = "\n".join(f"signal {p.name} : {_type(p)};" for p in core.ports)
    pins = ",\n".join(f"    {p.name} => {p.name}" for p in core.ports)
    return (
        f"-- Instance of {core.name}: signals go to an architecture's declarations.\n{signals}\n\n"
        f"{core.name}_0 : entity work.{wrapper_name(core)}\n  port map (\n{pins}\n  );\n"
    )


def wrapper_name(core: Core) -> str:
    """Return the name of the core's entity in VHDL."""
    return f"{core.name}_vhdl"


def wrapper(core: Core) -> str:
    """Return an entity in VHDL around the core's module in Verilog."""
    pins = ",\n".join(f"      {p.name} => {p.name}" for p in core.ports)
    return f"""-- {wrapper_name(core)}: module {core.name} (Verilog) for designs in VHDL.
library ieee;
use ieee.std_logic_1164.all;

entity {wrapper_name(core)} is
  port (
{_declared(core, "    ")}
  );
end entity;

architecture wrapper of {wrapper_name(core)} is
  component {core.name} is
    port (
{_declared(core, "      ")}
    );
  end component;
begin
  core : {core.name}
    port map (
{pins}
    );
end architecture;
"""


def stub(core: Core) -> str:
    """Return an entity with the core's ports and nothing inside, where no Verilog can be read."""
    drives = "\n".join(f"  {p.name} <= {_zero(p)};" for p in core.ports if p.direction == "out")
    return f"""-- The ports of {core.name} alone, to analyse and elaborate VHDL with GHDL.
library ieee;
use ieee.std_logic_1164.all;

entity {core.name} is
  port (
{_declared(core, "    ")}
  );
end entity;

architecture stub of {core.name} is
begin
{drives}
end architecture;
"""


def _declared(core: Core, indent: str) -> str:
    return ";\n".join(f"{indent}{p.name} : {p.direction} {_type(p)}" for p in core.ports)


def _type(p: Port) -> str:
    return "std_logic" if not p.is_bus else f"std_logic_vector({p.width - 1} downto 0)"


def _zero(p: Port) -> str:
    return "(others => '0')" if p.is_bus else "'0'"


def _range(p: Port) -> str:
    return f"[{p.width - 1}:0] " if p.is_bus else ""
