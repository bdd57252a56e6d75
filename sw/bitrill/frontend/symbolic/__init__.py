"""What tensors stand for while a model is imported: integers, exact scales, functions between."""
