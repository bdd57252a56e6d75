"""The protobuf of a model file, parsed and checked with nothing in it evaluated."""
