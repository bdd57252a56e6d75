"""Streams, FIFOs, elastic pipelines and counters, from which all operators are built."""
