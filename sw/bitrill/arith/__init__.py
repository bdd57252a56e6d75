"""Plans of sums and products: built from the LUTs, carry chains and DSP slices of a family."""
