"""Initiation intervals, latencies and FIFO depths, exact, computed from max-plus systems."""
