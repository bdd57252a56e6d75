"""Streams, FIFOs, elastic pipelines and counters that all operators are made of."""
