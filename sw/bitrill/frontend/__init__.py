"""Import of QONNX; ONNX exists only here."""
