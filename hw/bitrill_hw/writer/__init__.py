"""Writes an Amaranth design as Verilog; signals stay whole words, unlike in a netlist of bits."""
