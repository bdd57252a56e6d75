"""Makes the hardware component of an operator, by importing the class that the operator names."""

from importlib import import_module

from amaranth.lib import wiring
from bitrill.errors import SpecError, StageError
from bitrill.ir import Operator


def component(op: Operator) -> wiring.Component:
    """Return the hardware of ``op``: streams ``i`` and ``o``, clock domain ``sync``.

    Payloads are ``lanes`` elements, element 0 in the low bits. Raises `StageError` for an operator
    that is not folded, `SpecError` for one whose ``component`` cannot be imported.
    """
    if op.impl is None:
        raise StageError(f"{op.name} must be folded (impl set) to become hardware, and is not")
    given = op.component
    if isinstance(given, str):
        return _imported(op, given)(op)
    # a plain function that is a class attribute comes bound to its operator
    return given() if getattr(given, "__self__", None) is op else given(op)


def _imported(op: Operator, text: str):
    """Return the class that ``text``, ``"module:Class"``, names."""
    module, _, name = text.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SpecError(
            f"{op.name}: component of {op.kind} must be 'module:Class' that can be imported,"
            f" not {text!r} ({error})"
        ) from error
