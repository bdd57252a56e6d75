"""Components, one file an operator, named as in ``bitrill.ops``."""
