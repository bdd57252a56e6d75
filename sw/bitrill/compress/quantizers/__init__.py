"""Quantizers of layers: a table of patterns over names, and where in a network they are put."""
