"""Reader of model files: ONNX's protobuf, parsed and checked, with nothing in it evaluated."""
