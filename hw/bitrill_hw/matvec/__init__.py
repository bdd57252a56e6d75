"""Hardware of matrix units other than the folded one: unrolled, bit-serial, DSP, writable."""
