"""The grid of a model's input, if the file states one: by the element type, or qonnx's annotation.

qonnx keeps a tensor's datatype as text, such as ``UINT8`` or ``FIXED<8,4>``, under the key
``finn_datatype`` of ONNX's quantization annotations. The text is compared with known forms, never
evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ...ir import BIPOLAR, IntType
from . import limits
from .stored import BITS, limits_of

if TYPE_CHECKING:
    from onnx import TensorAnnotation

KEY = "finn_datatype"
"""Key of qonnx's annotations; it is older than the name qonnx."""

_INTEGER = re.compile(r"(U?)INT([1-9][0-9]?)")
_FIXED = re.compile(r"FIXED<([1-9][0-9]?),(-?[0-9]{1,2})>")


@dataclass(frozen=True)
class InputGrid:
    """Integers of ``type`` that mean ``scale * integer``.

    ``stored``: ONNX's name of the integers' type, if the model's input has integers, not floats.
    """

    type: IntType
    scale: Fraction = Fraction(1)
    stored: str = ""


def of_element_type(kind: str) -> InputGrid | None:
    """Return the grid of an input of ONNX's type ``kind``, or None if it is not an integer type."""
    if kind not in BITS or BITS[kind] > limits.ACTIVATION_BITS:
        return None
    return InputGrid(IntType(*limits_of(kind)), stored=kind)


def of_annotations(annotations: Iterable[TensorAnnotation], tensor: str) -> InputGrid | None:
    """Return the grid that qonnx's annotation of ``tensor`` states, if any."""
    for annotation in annotations:
        if annotation.tensor_name == tensor:
            for entry in annotation.quant_parameter_tensor_names:
                if entry.key == KEY:
                    return of_datatype(entry.value)
    return None


def of_datatype(text: str) -> InputGrid | None:
    """Return the grid of a qonnx datatype; None for floats, unknown ones and too many bits."""
    known = {"BINARY": IntType(0, 1), "BIPOLAR": BIPOLAR, "TERNARY": IntType(-1, 1)}
    if text in known:
        return InputGrid(known[text])
    integer, fixed = _INTEGER.fullmatch(text), _FIXED.fullmatch(text)
    if integer:
        unsigned, bits, scale = bool(integer[1]), int(integer[2]), Fraction(1)
    elif fixed:  # all bits, and those before the point, including the sign
        unsigned, bits = False, int(fixed[1])
        scale = Fraction(2) ** (int(fixed[2]) - bits)
    else:
        return None
    if bits > limits.ACTIVATION_BITS:
        return None
    low = 0 if unsigned else -(1 << bits - 1)
    return InputGrid(IntType(low, low + (1 << bits) - 1), scale)
