"""Arithmetic that the components share."""
