"""Training with Brevitas, and export to QONNX; torch exists only here."""
