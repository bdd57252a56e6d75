"""Units that multiply a matrix by a vector, beside the folded one of ops."""
