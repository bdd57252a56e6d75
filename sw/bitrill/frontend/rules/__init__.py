"""Import rules, one for each ONNX operator."""
