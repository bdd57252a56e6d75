"""Import of QONNX; ONNX exists only here."""

from .importer import load_model

__all__ = ["load_model"]
