"""Families of FPGA parts: their PLLs, part names, pins and processing systems."""
