"""Simulation: Amaranth, cocotb and Verilator against the golden model."""
