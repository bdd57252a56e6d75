"""Reads model files: ONNX's protobuf is parsed and checked; nothing in it is evaluated."""
