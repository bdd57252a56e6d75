"""Shells in simulation: the same driver, over RTL in place of a board."""
