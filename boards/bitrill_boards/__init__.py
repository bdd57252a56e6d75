"""FPGA boards: their descriptions, shells, toolchains, ways to load them, and the driver."""
