"""Host rules, one module for each kind of ONNX operator; importing this declares all of them."""

from . import arrange, decisions, elementwise, linear_quantizers, reductions
from .table import HOST, HostRule, host, host_rule_of

__all__ = [
    "HOST",
    "HostRule",
    "arrange",
    "decisions",
    "elementwise",
    "host",
    "host_rule_of",
    "linear_quantizers",
    "reductions",
]
