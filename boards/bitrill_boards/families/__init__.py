"""What is particular to a family of parts and to no toolchain, one module each."""
