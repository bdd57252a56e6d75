"""Host rules, one module for each kind of ONNX operator; importing this declares all of them."""

from . import decisions, element_functions, host_quantizers, movement, reductions
from .host_table import HOST, HostRule, host, host_rule_of

__all__ = [
    "HOST",
    "HostRule",
    "decisions",
    "element_functions",
    "host",
    "host_quantizers",
    "host_rule_of",
    "movement",
    "reductions",
]
