"""The decision of a network in C: which of its scores is the largest."""

from collections.abc import Mapping
from math import prod
from typing import Any

from .numbers import segments

_HEAD = """
uint32_t net_decide(const net_out integers[NET_OUTPUTS])
{
"""
_FIRST = (
    "The class that the network decided for: the first integer of a result.",
    """    return (uint32_t)integers[0];
}
""",
)
_LARGEST = """    uint32_t k, best = 0;
    for (k = 1; k < {size}; ++k)
        if ({better})
            best = k;
    return best;
}}
"""
_OF = "The number of the largest of the {what}; among equal ones, the lowest number."


def decision(output: Mapping[str, Any]) -> tuple[str, str]:
    """Return the comment and the definition of ``net_decide``.

    Scores with one scale are compared as integers, exactly; others as the numbers that they mean.
    """
    segment = segments(output)[0]
    scale, offset = segment["scale"], segment["offset"]
    if not scale:
        return _FIRST[0], _HEAD + _FIRST[1]
    size = prod(segment["edge"])
    same = len(set(scale)) == 1 and len(set(offset)) <= 1
    if same:
        sign = "<" if float.fromhex(scale[0]) < 0 else ">"
        better = f"integers[k] {sign} integers[best]"
    else:
        better = "number(integers, k) > number(integers, best)"
    what = "scores" if len(segments(output)) == 1 else f"first {size} scores"
    return _OF.format(what=what), _HEAD + _LARGEST.format(size=size, better=better)
