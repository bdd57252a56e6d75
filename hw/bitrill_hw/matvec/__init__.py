"""Hardware of the matrix units other than the folded one, one module for each."""
