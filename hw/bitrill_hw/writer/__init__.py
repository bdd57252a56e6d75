"""Writes Amaranth's designs as Verilog, word by word, without a netlist of bits in between."""
