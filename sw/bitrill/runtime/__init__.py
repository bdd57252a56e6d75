"""The register map of weights and thresholds that can be written at run time."""
