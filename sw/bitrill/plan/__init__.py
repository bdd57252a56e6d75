"""Plans that hardware only renders: sums, timing, folding, FIFO depths."""
