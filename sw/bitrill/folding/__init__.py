"""Choice of PE, SIMD, style and memory of each node: from stage INTEGER to FOLDED."""
