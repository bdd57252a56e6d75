"""LUTs, flip-flops, memories and clock of operators, predicted without synthesis."""
