"""Shells around a network: gearboxes, UART link, AXI registers and data movers."""
