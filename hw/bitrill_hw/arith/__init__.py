"""Arithmetic in hardware: gates, counters, carry chains, comparators, DSP slices, their cells."""
