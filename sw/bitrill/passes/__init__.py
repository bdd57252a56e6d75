"""Passes from an imported graph to an integer one: thresholds, narrow types, forks, argmax."""
