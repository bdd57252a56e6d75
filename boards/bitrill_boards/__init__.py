"""Boards: to come."""
