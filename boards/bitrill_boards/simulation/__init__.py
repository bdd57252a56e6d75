"""Boards in simulation: their shells in Verilator, as links that the driver takes."""
