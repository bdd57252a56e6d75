"""Simulated boards: shells in Verilator, with the links that the driver uses."""
