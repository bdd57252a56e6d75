"""Memories of operators: tables of constants, and tables that the host writes."""
