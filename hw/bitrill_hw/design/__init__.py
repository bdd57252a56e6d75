"""The whole design: top level, frame checks, registers, Verilog."""
