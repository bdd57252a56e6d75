"""Hardware components of the operators, one file each, named as in ``bitrill.ops``."""
