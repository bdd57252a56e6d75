"""Initiation intervals, latencies and FIFO depths, exact, by max-plus systems."""
