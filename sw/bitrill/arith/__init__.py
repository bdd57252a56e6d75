"""How sums and products are built from the LUTs, carry chains and DSP slices of a family."""
