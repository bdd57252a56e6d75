"""Symbolic values of tensors while a model is imported, and the graph that grows from them."""
