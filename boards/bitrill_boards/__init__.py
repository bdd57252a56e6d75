"""Boards: what each is, its shell and tools, how to load and drive it."""
